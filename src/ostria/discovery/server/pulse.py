"""Measures what must stay short: the event loop's turns, and how long the garbage collector stops everything."""

import asyncio
import gc
import selectors
import time
from collections.abc import Callable
from typing import Literal

from ostria.discovery.metrics import Metrics

_SHORT = 0.001


class _Turns(selectors.DefaultSelector):
    """Tells how long the loop was at work between two looks for news, and how much of that it worked: nothing else is served meanwhile."""

    observe: Callable[[float, float], None] | None = None
    _since = _used = float("inf")

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.observe is not None:
            lasted = max(0.0, time.perf_counter() - self._since)
            # Of most turns, which are short, it is not worth asking the kernel.
            self.observe(lasted, lasted if lasted < _SHORT else max(0.0, time.thread_time() - self._used))
        found = super().select(timeout)
        self._since, self._used = time.perf_counter(), time.thread_time()
        return found


class TimedLoop(asyncio.SelectorEventLoop):
    """An event loop whose every turn is measured, from `measure` on."""

    def __init__(self) -> None:
        self._turns = _Turns()
        super().__init__(self._turns)

    def measure(self, metrics: Metrics) -> None:
        """A turn that took long and worked little waited: for a core or for the interpreter, which others had, or in a call that blocks."""

        def observe(seconds: float, worked: float) -> None:
            metrics.loop_turn.observe(seconds)
            metrics.loop_work.observe(worked)

        self._turns.observe = observe


class CollectorWatch:
    """Between `begin` and `end`, every collection's pause is observed."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self._began = metrics, 0.0

    def begin(self) -> None:
        gc.callbacks.append(self._event)

    def end(self) -> None:
        if self._event in gc.callbacks:
            gc.callbacks.remove(self._event)

    def _event(self, phase: Literal["start", "stop"], _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._metrics.gc_pause.observe(time.perf_counter() - self._began)
