"""`make bench`: measure, print, and write RESULTS.md and results.json. `python -m benchmarks [SUITE …]`; without a name, all of them.

Exit status 1 when a goal was missed. Nothing else should run on the machine.
"""

import argparse
import sys
import time
from datetime import UTC, datetime

from benchmarks import machine, results
from benchmarks.suites import SUITES, Suite


def main() -> int:
    names = [suite.name for suite in SUITES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed and memory; write benchmarks/RESULTS.md.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(names)} (default: all)")
    wanted = parser.parse_args().suites or names
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"no suite {', '.join(unknown)}; there are {', '.join(names)}")
    missed = [name for suite in SUITES if suite.name in wanted for name in _run(suite, names)]
    for name in missed:
        print(f"missed: {name}", file=sys.stderr)
    return 1 if missed else 0


def _run(suite: Suite, order: list[str]) -> list[str]:
    """Names of the figures that miss their goals."""
    if reason := suite.missing():
        print(f"SKIPPED {suite.name}: {reason}", file=sys.stderr)
        return []
    print(f"== {suite.name}", flush=True)
    load, taken, began = machine.load(), datetime.now(UTC), time.monotonic()
    figures = list(suite.measure())
    for each in figures:
        print(f"{each.name}: {each.value:,} {each.unit}  {each.goal}  {each.note}", flush=True)
    entry = {
        "title": suite.title,
        "how": suite.how,
        "command": f"python -m benchmarks {suite.name}",
        "taken": taken.strftime("%Y-%m-%d %H:%M UTC"),
        "commit": machine.commit(),
        "seconds": round(time.monotonic() - began),
        "load": load,
        "figures": [each.plain() for each in figures],
    }
    results.keep(machine.facts(), suite.name, entry, order)
    return [f"{suite.name}: {each.name}" for each in figures if each.met is False]


if __name__ == "__main__":
    sys.exit(main())
