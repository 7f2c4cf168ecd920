"""Ends what takes longer than it may, for any number of tasks by one timer: a timer of its own costs a small message more than the message does."""

import asyncio
from collections.abc import Awaitable


class Deadlines:
    """All have the same `seconds`, so those that began first are overdue first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: dict[asyncio.Task[object], float] = {}
        self._overdue: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def keep(self, work: Awaitable[object]) -> None:
        """Wait for it. Raise TimeoutError when it takes too long. One at a time for each task."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None:
            raise RuntimeError("not in a task")
        self._begun[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look)
        try:
            await work
        except asyncio.CancelledError:
            if task in self._overdue and task.uncancel() <= 0:
                raise TimeoutError from None
            raise
        finally:
            del self._begun[task]
            self._overdue.discard(task)
            # A cancelled task keeps this frame: with the task in it, both and the whole connection would wait for the collector.
            del task

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer, now = None, loop.time()
        for task, begun in self._begun.items():
            if now < begun + self._seconds:
                self._timer = loop.call_at(begun + self._seconds, self._look)
                return
            if task not in self._overdue:
                self._overdue.add(task)
                task.cancel()
