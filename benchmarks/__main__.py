"""`make bench`: measure, print, and write RESULTS.md and results.json. `python -m benchmarks [SUITE …]`; without a name, all of them.

Exit status 1 when a goal was missed or a suite could not be run. Nothing else should run on the machine. `--quick` shows in little time that a suite works,
and keeps no figures.
"""

import argparse
import signal
import sys
import time
import traceback
from datetime import UTC, datetime

from benchmarks import machine, results
from benchmarks.suites import SUITES, Suite


def main() -> int:
    names = [suite.name for suite in SUITES]
    listed = "\n".join(f"  {suite.name:<10} {suite.title} (about {suite.minutes:g} min)" for suite in SUITES)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure speed and memory; write benchmarks/RESULTS.md.",
        epilog=f"suites:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="which ones, in the order below (default: all)")
    parser.add_argument("--quick", action="store_true", help="small runs, to see that suites work; their figures are not kept")
    arguments = parser.parse_args()
    # Ended from outside, a suite still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = arguments.suites or names
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"no suite {', '.join(unknown)}; there are {', '.join(names)}")
    missed = [name for suite in SUITES if suite.name in wanted for name in _run(suite, names, quick=arguments.quick)]
    for name in missed:
        print(f"missed: {name}", file=sys.stderr)
    return 1 if missed else 0


def _run(suite: Suite, order: list[str], *, quick: bool) -> list[str]:
    """Names of the figures that miss their goals. A suite that fails keeps its last figures, and the next one has its turn."""
    if reason := suite.missing():
        print(f"SKIPPED {suite.name}: {reason}", file=sys.stderr)
        return []
    print(f"== {suite.name}", flush=True)
    load, taken, began, figures = machine.load(), datetime.now(UTC), time.monotonic(), []
    try:
        for each in suite.measure(quick=quick):
            figures.append(each)
            print(f"{each.name}: {each.value:,} {each.unit}  {each.goal}  {each.note}", flush=True)
    except Exception:
        traceback.print_exc()
        return [f"{suite.name}: it could not be run"]
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
    if not quick:
        if suite.picture is not None:
            results.picture(suite.name).write_text(suite.picture(figures))
        results.keep(machine.facts(), suite.name, entry, order)
    return [f"{suite.name}: {each.name}" for each in figures if each.met is False]


if __name__ == "__main__":
    sys.exit(main())
