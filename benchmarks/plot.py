"""Small multiples on logarithmic axes as SVG, built as XML elements: a straight line means growth by a power, and the dashed one shows what linear is."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

WIDTH, HEIGHT = 340, 230
LEFT, RIGHT, TOP, BOTTOM = 58, 26, 40, 44
INK, FAINT, LINE, GUIDE = "#24292f", "#d8dee4", "#0a58ca", "#8c959f"
_MANY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    note: str
    x: str
    """What the axis counts."""
    y: str
    points: Sequence[tuple[float, float]]
    """Greater than zero, in order of x."""


class Axis:
    """From values to pixels, logarithmically. Its ends are ticks, so that every value stands between two of them."""

    def __init__(self, values: Iterable[float], start: float, end: float) -> None:
        found = sorted(values)
        steps = _ticks(found[0], found[-1], (1, 2, 5))
        self.ticks = steps if len(steps) <= _MANY else _ticks(found[0], found[-1], (1,))
        self._low, self._high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)


def _ticks(low: float, high: float, steps: Sequence[int]) -> list[float]:
    """From the last tick not above `low` to the first one not below `high`; at least two."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1
    every = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
    begin = max(n for n, tick in enumerate(every) if tick <= low)
    end = min(n for n, tick in enumerate(every) if tick >= high)
    return every[begin : max(end, begin + 1) + 1]


def grid(rows: Sequence[Sequence[Panel]], description: str) -> str:
    width, height = WIDTH * max(map(len, rows)), HEIGHT * len(rows)
    root = ElementTree.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", width=str(width), height=str(height), role="img"
    )
    root.set("font-family", "system-ui, sans-serif")
    root.set("font-size", "11")
    ElementTree.SubElement(root, "title").text = description
    ElementTree.SubElement(root, "rect", width="100%", height="100%", fill="white")
    for down, row in enumerate(rows):
        for right, panel in enumerate(row):
            _panel(ElementTree.SubElement(root, "g", transform=f"translate({right * WIDTH} {down * HEIGHT})"), panel)
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _panel(group: ElementTree.Element, panel: Panel) -> None:
    x = Axis((point[0] for point in panel.points), LEFT, WIDTH - RIGHT)
    y = Axis((point[1] for point in panel.points), HEIGHT - BOTTOM, TOP)
    _text(group, LEFT, 16, panel.title, weight="600")
    _text(group, LEFT, 31, panel.note, fill=GUIDE)
    for tick in x.ticks:
        _segment(group, (x.at(tick), TOP), (x.at(tick), HEIGHT - BOTTOM), FAINT)
        _text(group, x.at(tick), HEIGHT - BOTTOM + 15, f"{tick:,g}", anchor="middle")
    for tick in y.ticks:
        _segment(group, (LEFT, y.at(tick)), (WIDTH - RIGHT, y.at(tick)), FAINT)
        _text(group, LEFT - 6, y.at(tick) + 4, f"{tick:,g}", anchor="end")
    _text(group, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, panel.x, anchor="middle")
    label = _text(group, 0, 0, panel.y, anchor="middle")
    label.set("transform", f"translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)")
    _guide(group, panel.points, x, y)
    path = " ".join(f"{x.at(a)},{y.at(b)}" for a, b in panel.points)
    ElementTree.SubElement(group, "polyline", points=path, fill="none", stroke=LINE).set("stroke-width", "1.8")
    for a, b in panel.points:
        dot = ElementTree.SubElement(group, "circle", cx=str(x.at(a)), cy=str(y.at(b)), r="3", fill=LINE)
        ElementTree.SubElement(dot, "title").text = f"{a:,g}: {b:,g}"


def _guide(group: ElementTree.Element, points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> None:
    """Linear growth that ends in the last point, as far down as the panel goes."""
    end_x, end_y = points[-1]
    start_x = max(x.ticks[0], end_x * y.ticks[0] / end_y)
    segment = _segment(group, (x.at(start_x), y.at(end_y * start_x / end_x)), (x.at(end_x), y.at(end_y)), GUIDE)
    segment.set("stroke-dasharray", "4 3")


def _segment(group: ElementTree.Element, start: tuple[float, float], end: tuple[float, float], colour: str) -> ElementTree.Element:
    return ElementTree.SubElement(group, "line", x1=str(start[0]), y1=str(start[1]), x2=str(end[0]), y2=str(end[1]), stroke=colour)


def _text(
    group: ElementTree.Element, x: float, y: float, text: str, *, anchor: str = "start", weight: str = "", fill: str = INK
) -> ElementTree.Element:
    made = ElementTree.SubElement(group, "text", x=str(x), y=str(y), fill=fill)
    made.set("text-anchor", anchor)
    if weight:
        made.set("font-weight", weight)
    made.text = text
    return made
