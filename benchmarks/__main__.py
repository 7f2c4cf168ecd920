"""`make bench`: run suites and print their figures as JSON lines. `python -m benchmarks [SUITE …]`; without a name, all of them.

Figures worth keeping go into RESULTS.md by hand, with the machine and the command.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable

from benchmarks import change, footprint, kills, startup
from benchmarks.datapath import measure
from benchmarks.figures import Figure


def _plain(figures: Iterable[Figure]) -> list[object]:
    return [figure.plain() for figure in figures]


def _datapath() -> object:
    runs = list(measure.runs(rounds=5, seconds=5, connections=64))
    return {"ratio": round(measure.ratio(runs), 3), "runs": [dataclasses.asdict(run) for run in runs]}


SUITES: dict[str, Callable[[], object]] = {
    "startup": lambda: _plain(startup.measure()),
    "footprint": lambda: _plain(footprint.measure()),
    "change": lambda: _plain(change.measure()),
    "datapath": _datapath,
    "kills": lambda: list(kills.measure()),
}


def main() -> None:
    wanted = sys.argv[1:] or list(SUITES)
    if unknown := [name for name in wanted if name not in SUITES]:
        sys.exit(f"no suite {', '.join(unknown)}; there are {', '.join(SUITES)}")
    for name in wanted:
        print(json.dumps({name: SUITES[name]()}), flush=True)


if __name__ == "__main__":
    main()
