"""`results.json` keeps the last run of each suite; `RESULTS.md` is drawn from it, so that no figure on the page was typed by hand."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.mesh import ROOT

STORE = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "benchmarks" / "RESULTS.md"
_MANY = 8


def picture(suite: str) -> Path:
    return STORE.with_name(f"{suite}.svg")


def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STORE.read_text()) if STORE.exists() else {"machine": {}, "suites": {}}
    return found


def keep(machine: Mapping[str, Any], name: str, suite: Mapping[str, Any], order: Sequence[str]) -> None:
    """Put one suite's run in place of its last one, and draw the page anew."""
    found = read()
    found["machine"] = dict(machine)
    suites = {**found["suites"], name: dict(suite)}
    found["suites"] = {each: suites[each] for each in order if each in suites}
    STORE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text("\n".join(_page(found)) + "\n")


def _page(found: Mapping[str, Any]) -> Iterable[str]:
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    yield from ("# Results", "", "Written by `python -m benchmarks`; the single measurements are in [results.json](results.json).", "")
    yield f"Machine: {machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB, Linux {machine['kernel']}, Python {machine['python']}, {versions}."
    for name, suite in found["suites"].items():
        yield from _section(suite)
        if picture(name).exists():
            yield from ("", f"![{suite['title']}]({picture(name).name})")


def _section(suite: Mapping[str, Any]) -> Iterable[str]:
    yield from ("", f"## {suite['title']}", "", suite["how"], "")
    yield f"`{suite['command']}` took {suite['seconds']} s at {suite['taken']}, commit {suite['commit']}; other work's load average when it began: {suite['load']}."
    yield from ("", "| what | figure | goal | | notes |", "|---|---|---|---|---|")
    for figure in suite["figures"]:
        met = {True: "met", False: "**missed**", None: ""}[figure["met"]]
        yield f"| {figure['name']} | {figure['value']:,} {figure['unit']} | {figure['goal']} | {met} | {_notes(figure)} |"


def _notes(figure: Mapping[str, Any]) -> str:
    seen = figure["seen"]
    if not seen:
        text = ""
    elif len(seen) <= _MANY:
        text = "seen " + ", ".join(f"{each:,}" for each in seen)
    else:
        text = f"{len(seen)} measured, from {min(seen):,} to {max(seen):,}"
    return "; ".join(part for part in (figure["note"], text) if part)
