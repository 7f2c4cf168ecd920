"""A measured figure with its goal: what suites hand over, and results are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        found = {"name": self.name, "value": self.value, "unit": self.unit, "goal": self.goal, "met": self.met}
        return {**found, "seen": list(self.seen), "note": self.note}
