"""Scalar types of the API that YAML has no type for."""

import re
from functools import total_ordering
from typing import Self

_UNIT_NANOS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "µs": 1_000, "ns": 1}
_TERM = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)")


@total_ordering
class Duration:
    """A span of time as Go and protobuf write it: `1.5s`, `2m30s`, `250ms`. Kept in whole nanoseconds."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError unless `text` is a sequence of decimal numbers with units."""
        sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
        if body == "0":
            return cls(0)
        total, at = 0.0, 0
        for term in _TERM.finditer(body):
            if term.start() != at:
                break
            total += float(term[1]) * _UNIT_NANOS[term[2]]
            at = term.end()
        if at == 0 or at != len(body):
            raise ValueError(f"{text!r} is not a duration: write a number with a unit, such as 5s, 250ms or 1m30s")
        return cls(sign * round(total))

    @property
    def seconds(self) -> float:
        return self.nanos / 1e9

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and other.nanos == self.nanos

    def __lt__(self, other: "Duration") -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __repr__(self) -> str:
        return f"Duration({self.nanos / 1e9:g}s)"

    def __str__(self) -> str:
        return f"{self.nanos / 1e9:.9f}".rstrip("0").rstrip(".") + "s"
