"""How long to wait for more changes before a push: hardly at all for a single one, longer the more keep coming.

A saved file is one change and shall be seen at once; a thousand objects in a burst shall be one push. Changes of endpoints go past the wait, but not
faster than pushes can be made. Pure: the time is passed in.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds."""

    quiet: float = 0.005
    longest_quiet: float = 0.1
    longest: float = 1.0
    between_endpoint_pushes: float = 0.02


class Debounce:
    """Tell it of changes with `heard`; `due` says when to push; `pushed` begins anew."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._first: float | None = None
        self._last = 0.0
        self._batches = 0
        self._urgent = False
        self._pushed_at = float("-inf")
        self._cost = 0.0

    @property
    def first(self) -> float | None:
        """When the oldest change that waits was heard."""
        return self._first

    def heard(self, now: float, *, endpoints_only: bool) -> None:
        """One batch of changes."""
        self._urgent = endpoints_only and (self._urgent or self._first is None)
        self._first = now if self._first is None else self._first
        self._last = now
        self._batches += 1

    def due(self) -> float | None:
        """When to push what was heard; None while nothing waits."""
        if self._first is None:
            return None
        if self._urgent:
            return max(self._first, self._pushed_at + max(self._waits.between_endpoint_pushes, self._cost))
        doubled: float = self._waits.quiet * 2 ** min(self._batches - 1, 10)
        quiet = min(self._waits.longest_quiet, doubled + self._cost / 4)
        return min(self._last + quiet, self._first + max(self._waits.longest, 2 * self._cost))

    def pushed(self, now: float, cost: float) -> None:
        """What waited has been taken into a push that took `cost` seconds to work out."""
        self._first, self._batches, self._urgent = None, 0, False
        self._pushed_at, self._cost = now, cost
