"""Histograms that are written for every proxy and every turn of the event loop: an observation is an addition, without a lock.

Each has one writer, the event loop's thread or the world's. Prometheus reads the same as of its own library's histograms, which lock twice for each
observation: with seven of them for each proxy and change, that was a tenth of what a push cost.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Tally:
    """Counts of observations up to each bound, and beyond the last."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds, self._counts, self._total = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """Prometheus' buckets, each with all that are below it, and the sum."""
        names = (*map(floatToGoString, self._bounds), "+Inf")
        return list(zip(names, map(float, accumulate(self._counts)), strict=True)), self._total


class Tallies(Collector):
    """One metric; `labels` names its label, if it has one: then its tallies are had by that label's values."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], label: str = "") -> None:
        self._name, self._text, self._bounds, self._label = name, text, bounds, label
        self._tallies: dict[str, Tally] = {}

    def of(self, value: str = "") -> Tally:
        found = self._tallies.get(value)
        if found is None:
            # A new dictionary each time: it is read by another thread.
            self._tallies = {**self._tallies, value: (found := Tally(self._bounds))}
        return found

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._text, labels=(self._label,) if self._label else ())
        for value, tally in self._tallies.items():
            buckets, total = tally.read()
            family.add_metric((value,) if self._label else (), buckets, total)
        yield family
