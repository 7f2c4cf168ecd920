"""How cost grows: more services at 100 proxies, more proxies at 200 services. Each point is a control plane of its own under adsload.py."""

import json
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import plot
from benchmarks.ads import CHANGE, ROUTE, control_plane, tool
from benchmarks.figures import Figure, Points

REPEAT = 5
PATIENCE = 90
FROM = 100
"""Below this size fixed costs hide what grows."""
TICK = 0.002
"""Seconds: the clock of /proc over the number of changes; less can't be told from nothing."""
LINEAR = 1.1
"""An exponent up to this is linear; the rest is noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    grows: str
    one: str
    at: str
    sizes: tuple[tuple[int, int], ...]
    """Services and proxies."""

    def size(self, point: tuple[int, int]) -> int:
        return point[0] if self.grows == "services" else point[1]


LINES = (
    Line(
        grows="services", one="service", at="100 proxies", sizes=tuple((services, 100) for services in (10, 50, 100, 500, 1000, 2000, 5000))
    ),
    Line(grows="proxies", one="proxy", at="200 services", sizes=tuple((200, proxies) for proxies in (10, 50, 100, 200, 500, 1000, 2000))),
)
QUANTITIES = (
    ("CPU until all proxies are complete", "s"),
    ("peak memory", "MB"),
    ("CPU of one VirtualService change", "s"),
)


def measure(*, quick: bool = False) -> Iterator[Figure]:
    for line in LINES:
        sizes = line.sizes[2:5:2] if quick else line.sizes
        measured = [(line.size(size), _point(*size)) for size in sizes]
        for number, (what, unit) in enumerate(QUANTITIES):
            points = [(float(size), found[number]) for size, found in measured]
            yield figure(f"{line.grows} grow at {line.at}: {what}", unit, line.one, points)


def _point(services: int, proxies: int) -> tuple[float, float, float]:
    """One for each of `QUANTITIES`."""
    with TemporaryDirectory(prefix="ostria-bench-") as folder:
        world = Path(folder, "world")
        tool("meshgen.py", str(world), "--services", str(services), json_out=False)
        with control_plane(world, Path(folder)) as (pids, target):
            watched = [word for pid in pids for word in ("--pid", str(pid))]
            change = ["--change", f"{sys.executable} {CHANGE} {world} {ROUTE[0]} {{n}}", "--marker", ROUTE[1], "--repeat", str(REPEAT)]
            sizes = ["--proxies", str(proxies), "--services", str(services), "--timeout", str(PATIENCE)]
            found = tool("adsload.py", target, *sizes, *watched, *change)
    if found["ready"] != proxies or any(run["reached"] != proxies for run in found["changes"]):
        raise RuntimeError(f"{services} services, {proxies} proxies: {json.dumps(found)}")
    used = {name: sum(each[name] for each in found["server_cold"]) for name in ("cpu_s", "peak_mb")}
    changed = statistics.mean(sum(run["server_cpu_s"]) for run in found["changes"])
    return round(used["cpu_s"], 2), used["peak_mb"], round(max(TICK, changed), 3)


def figure(name: str, unit: str, one: str, points: Points) -> Figure:
    """The exponent of the power law that fits best; each measured point is kept with it."""
    grown = [point for point in points if point[0] >= FROM]
    power = round(_slope([(math.log(size), math.log(value)) for size, value in grown]), 2)
    return Figure(
        name=f"{name}, exponent",
        value=power,
        unit="",
        at_most=LINEAR,
        points=points,
        note=f"{_per_unit(_slope(points), unit)} per {one}; " + ", ".join(f"{size:,g}: {value:g} {unit}" for size, value in points),
    )


def _slope(points: Points) -> float:
    """Of the line of least squares."""
    across, up = (statistics.mean(values) for values in zip(*points, strict=True))
    return float(sum((x - across) * (y - up) for x, y in points) / sum((x - across) ** 2 for x, _ in points))


def _per_unit(slope: float, unit: str) -> str:
    return f"{slope * 1000:.3g} {'ms' if unit == 's' else 'KB'}"


_AXES = {"s": "seconds", "MB": "MB"}


def picture(figures: Sequence[Figure]) -> str:
    """One row for each line, one panel for each quantity."""
    panels = [_panel(figure) for figure in figures]
    return plot.grid([panels[n : n + len(QUANTITIES)] for n in range(0, len(panels), len(QUANTITIES))], "Cost over services and proxies")


def _panel(figure: Figure) -> plot.Panel:
    line, _, rest = figure.name.partition(": ")
    what = rest.removesuffix(", exponent")
    return plot.Panel(
        title=what,
        note=f"∝ n^{figure.value:g}, {figure.note.partition(';')[0]} (dashed: n)",
        x=line.replace(" grow at ", ", at "),
        y=_AXES[next(unit for name, unit in QUANTITIES if name == what)],
        points=figure.points,
    )
