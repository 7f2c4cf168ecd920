"""A measured figure with its goal: what suites hand over, and results are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Points = Sequence[tuple[float, float]]


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
    points: Points = ()
    """(size, value), where the figure says how something grows."""

    @property
    def goal(self) -> str:
        if self.at_most is not None and self.at_most == self.at_least:
            return f"{self.at_most:g} {self.unit}".rstrip()
        bounds = (("≤", self.at_most), ("≥", self.at_least))
        return ", ".join(f"{sign} {bound:g} {self.unit}".rstrip() for sign, bound in bounds if bound is not None)

    @property
    def met(self) -> bool | None:
        """None: no goal."""
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (self.at_least is None or self.value >= self.at_least)

    def plain(self) -> dict[str, Any]:
        found = {"name": self.name, "value": self.value, "unit": self.unit, "goal": self.goal, "met": self.met}
        return {**found, "seen": list(self.seen), "note": self.note, **({"points": list(self.points)} if self.points else {})}
