"""`ostria status`: what runs, what is wrong and why; exit status 1 when something is."""

import json
from typing import Annotated, Any

import typer

from ostria.cli.proxy_config.table import render
from ostria.cli.running import DEFAULT_MESH, MeshName, Output, ask_one, choose, paths_of, say
from ostria.local.kernel.host_pids import translate

HEADER = ("NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "SIDECAR", "ADDRESS")
MEANINGLESS = ("WITHOUT MEANING HERE", "FIELD", "REASON", "PLACE")


def register(app: typer.Typer) -> None:
    app.command("status", help="Show the mesh's workloads and what is wrong.")(status)


def status(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also what has no meaning on one machine, process ids, and why.")
    ] = False,
    output: Output = "table",
    name: MeshName = DEFAULT_MESH,
) -> None:
    choose(output, ("table", "json"))
    found = ask_one(name, "status", verbose=verbose)
    _host_pids(found, name)
    if output == "json":
        print(json.dumps(found, indent=2))
    else:
        print(render(HEADER, (_row(workload) for workload in found["workloads"])))
        if fields := found.get("meaningless"):
            print("\n" + render(MEANINGLESS, (_meaningless(field) for field in fields)))
        _say_rest(found, verbose=verbose)
    errors = [problem for problem in found["problems"] if problem.get("severity") == "error"]
    if errors or any(w.get("unenforced") or (not w["ready"] and w["phase"] != "Succeeded") for w in found["workloads"]):
        raise typer.Exit(1)


def _host_pids(found: dict[str, Any], name: str) -> None:
    """The mesh knows its processes by the numbers of its own namespace; a person needs those of the machine."""
    numbers = translate(paths_of(name).control, {pid for w in found["workloads"] for pid in w["pids"].values()})
    for workload in found["workloads"]:
        workload["pids"] = {part: numbers[pid] for part, pid in workload["pids"].items() if pid in numbers}


def _row(workload: dict[str, Any]) -> tuple[str, ...]:
    sidecar = "gateway" if workload["router"] else "yes" if workload["injected"] else "no"
    ready = "yes" if workload["ready"] else "no"
    return (
        workload["namespace"],
        workload["name"],
        ready,
        workload["phase"],
        str(workload["restarts"]),
        sidecar,
        workload["addresses"][0],
    )


def _meaningless(field: dict[str, Any]) -> tuple[str, ...]:
    return field["object"], field["field"], field["reason"], f"{field['path']}:{field['line']}" if field["path"] else ""


def _say_rest(found: dict[str, Any], *, verbose: bool) -> None:
    for workload in found["workloads"]:
        if workload["trouble"]:
            say(f"{workload['name']} ({workload['namespace']}): {workload['trouble']}")
        for policy in workload.get("unenforced", ()):
            say(f"{workload['name']} ({workload['namespace']}): policy not enforced: {policy} is refused")
        if verbose:
            pids = ", ".join(f"{part} {pid}" for part, pid in workload["pids"].items())
            say(f"{workload['name']} ({workload['namespace']}): {workload['injection']}; processes: {pids or 'none'}")
    for problem in found["problems"]:
        place = f"{problem['path']}:{problem['line']}" if problem.get("path") else ""
        parts = (place, *(problem.get(name, "") for name in ("severity", "object", "field", "message")))
        say(": ".join(part for part in parts if part))
        if problem.get("hint"):
            say(f"  hint: {problem['hint']}")
