"""A measured figure with its goal, and what a suite hands over."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`seen` are the single measurements behind `value`; without a goal a figure only informs."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    seen: Sequence[float] = ()
    note: str = ""

    @property
    def goal(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}".rstrip()
        return f"≥ {self.at_least:g} {self.unit}".rstrip() if self.at_least is not None else ""

    @property
    def met(self) -> bool | None:
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.value >= self.at_least if self.at_least is not None else None

    def plain(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "goal": self.goal,
            "met": self.met,
            "seen": list(self.seen),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """`how` tells a reader what was done, in full sentences."""

    name: str
    title: str
    how: str
    measure: Callable[[], Sequence[Figure]]
    rows: Callable[[], Sequence[Mapping[str, Any]]] = field(default=tuple)


def spread(seen: Sequence[float]) -> str:
    """Least, median and most."""
    return f"{min(seen):g} … {statistics.median(seen):g} … {max(seen):g}" if len(seen) > 1 else ""
