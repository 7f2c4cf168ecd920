"""Puts a `Ruleset` into the network namespace that the runner runs in, and takes it out again.

Which iptables works is found by trying: the nft variant needs no root outside, the legacy one needs kernel modules, images have one or the other.
Applying is idempotent: our own chains are flushed by the transaction itself, and jumps from built-in chains are deleted first where an earlier run
left them. Rules of others stay.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ostria.capture.rules import BUILTIN, FamilyRules, Ruleset

VARIANTS = ("-nft", "", "-legacy")
"""Tried in this order; the plain name is whatever the image chose."""


class Ran(NamedTuple):
    code: int
    stdout: str
    stderr: str


Runner = Callable[[Sequence[str], str], Ran]
"""Runs a program with the text on its standard input inside the namespace. A missing program is code 127."""


class CaptureError(Exception):
    """No way to apply the rules worked; the text tells what each said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Which program did it: `nft`, `legacy`, or empty for the plain name."""

    variant: str


def run(argv: Sequence[str], stdin: str = "") -> Ran:
    """The runner for the namespace that the caller itself is in."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return Ran(127, "", f"{argv[0]}: not found")
    except subprocess.TimeoutExpired:
        return Ran(124, "", f"{argv[0]}: no answer within 30 s")
    return Ran(done.returncode, done.stdout, done.stderr)


def apply(ruleset: Ruleset, runner: Runner = run) -> Applied:
    """Raise CaptureError with nothing applied, or return with everything applied."""
    failures: list[str] = []
    for variant in VARIANTS:
        failure = _try(ruleset, variant, runner)
        if failure is None:
            return Applied(variant=variant.removeprefix("-"))
        failures.append(failure)
    raise CaptureError("no iptables could apply the rules: " + "; ".join(dict.fromkeys(failures)))


def remove(ruleset: Ruleset, runner: Runner = run) -> None:
    """Take out everything that `apply` put in, whichever variant did it; no error where there is nothing."""
    for variant in VARIANTS:
        for family in ruleset.families:
            _clean(family, variant, runner)
    for family in ruleset.families:
        _unroute(family, runner)


def _try(ruleset: Ruleset, variant: str, runner: Runner) -> str | None:
    done: list[FamilyRules] = []
    for family in ruleset.families:
        done.append(family)
        failure = _apply_family(family, variant, runner)
        if failure is not None:
            for undone in done:
                _clean(undone, variant, runner)
                _unroute(undone, runner)
            return failure
    return None


def _apply_family(family: FamilyRules, variant: str, runner: Runner) -> str | None:
    _unjump(family, variant, runner)
    restore = _program(family, variant, "-restore")
    ran = runner([restore, "--noflush"], family.restore())
    if ran.code != 0:
        return f"{restore}: {ran.stderr.strip() or f'exit status {ran.code}'}"
    return _route(family, runner)


def _program(family: FamilyRules, variant: str, verb: str) -> str:
    return f"{'iptables' if family.version == 4 else 'ip6tables'}{variant}{verb}"


def _unjump(family: FamilyRules, variant: str, runner: Runner) -> bool:
    """Delete our rules from built-in chains; false where there was nothing of ours to look for."""
    saved = runner([_program(family, variant, "-save")], "")
    if saved.code != 0 or "ISTIO_" not in saved.stdout:
        return False
    iptables = _program(family, variant, "")
    for rule in family.rules:
        if rule.chain in BUILTIN:
            while runner([iptables, "-w", "5", "-t", rule.table, "-D", rule.chain, *rule.args], "").code == 0:
                pass
    return True


def _clean(family: FamilyRules, variant: str, runner: Runner) -> None:
    if not _unjump(family, variant, runner):
        return
    iptables = _program(family, variant, "")
    for table in family.tables():
        for command in ("-F", "-X"):
            for chain in family.chains(table):
                runner([iptables, "-w", "5", "-t", table, command, chain], "")


def _route(family: FamilyRules, runner: Runner) -> str | None:
    """Policy routes are removed first, because the kernel would gladly keep the same rule twice."""
    _unroute(family, runner)
    for route in family.routes:
        ran = runner(["ip", *route], "")
        if ran.code != 0:
            return f"ip {' '.join(route)}: {ran.stderr.strip()}"
    return None


def _unroute(family: FamilyRules, runner: Runner) -> None:
    for route in family.routes:
        runner(["ip", *("del" if word == "add" else word for word in route)], "")
