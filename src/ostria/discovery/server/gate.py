"""Bounds the bytes that are on their way to all proxies together, so that a thousand proxies that start at once don't multiply the memory.

gRPC copies a message and keeps it until its peer has opened the window for it. So a large response is joined and handed over only when there is
room for it, first come, first served; a small one passes at once, which keeps changes fast.

Readers that take long move aside: their bytes count in a room for the slow, where slow readers wait for each other. A proxy that never reads so
costs the others one short wait, once, and loses its stream when other slow ones want its place.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from ostria.discovery.protocol.requests import Response
from ostria.discovery.server.deadlines import Deadlines
from ostria.discovery.server.limits import Limits

Write = Callable[[bytes], Awaitable[None]]


class Room:
    """So many bytes. What is larger than the whole room enters when it is empty."""

    def __init__(self, size: int) -> None:
        self._size, self._used = size, 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        return self._used

    @property
    def waiting(self) -> int:
        """How many wait for room."""
        return len(self._waiting)

    @property
    def crowded(self) -> bool:
        return bool(self._waiting) or self._used > self._size

    async def take(self, amount: int) -> None:
        if not self._waiting and self._fits(amount):
            self._used += amount
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._admit()
            else:
                self.give_back(amount)
            raise

    def push_in(self, amount: int) -> None:
        """Take room that may not be there."""
        self._used += amount

    def give_back(self, amount: int) -> None:
        self._used -= amount
        self._admit()

    def _fits(self, amount: int) -> bool:
        return self._used == 0 or self._used + amount <= self._size

    def _admit(self) -> None:
        while self._waiting and (self._waiting[0][1].cancelled() or self._fits(self._waiting[0][0])):
            amount, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._used += amount
                turn.set_result(None)


class SendGate:
    """One for all streams of a server."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._prompt, self._slow = Room(limits.bytes_in_flight), Room(limits.slow_bytes_in_flight)
        self._deadlines = Deadlines(limits.write_seconds)
        self.bytes_sent = 0
        """In large responses."""
        self.busy = asyncio.Event()
        """Set by each large response."""

    @property
    def bytes_in_flight(self) -> int:
        """In large responses that are on their way."""
        return self._prompt.used + self._slow.used

    @property
    def waiting(self) -> int:
        """Large responses that wait for room."""
        return self._prompt.waiting + self._slow.waiting

    async def send(self, write: Write, response: Response, *, slow: bool) -> bool:
        """Write; gives whether the reader is slow. Raise TimeoutError when it doesn't read."""
        if response.size < self._limits.large_bytes:
            await self._deadlines.keep(write(response.data))
            return slow
        room = self._slow if slow else self._prompt
        await room.take(response.size)
        self.bytes_sent += response.size
        self.busy.set()
        writing = asyncio.ensure_future(write(response.data))
        try:
            if await _ends(writing, self._limits.prompt_seconds):
                return False
            self._slow.push_in(response.size)
            room.give_back(response.size)
            room = self._slow
            await self._write_slowly(writing)
            return True
        finally:
            writing.cancel()
            room.give_back(response.size)

    async def _write_slowly(self, writing: asyncio.Future[None]) -> None:
        if await _ends(writing, self._limits.slow_seconds):
            return
        if self._slow.crowded or not await _ends(writing, self._limits.write_seconds):
            raise TimeoutError


async def _ends(writing: asyncio.Future[None], seconds: float) -> bool:
    """Whether it ends in time; raises what it raised."""
    done, _ = await asyncio.wait((writing,), timeout=seconds)
    if done:
        writing.result()
    return bool(done)
