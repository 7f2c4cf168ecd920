"""Gives back the memory that a herd of proxies leaves behind: gRPC's copies of large messages were in it, and the allocator would keep it."""

import asyncio
import ctypes
from collections.abc import Callable

from ostria.discovery.server.gate import SendGate

Trim = Callable[[int], int]

_CALM = 0.5
_WORTH = 16 << 20


def malloc_trim() -> Trim | None:
    """glibc's; None where the C library has none (musl). It takes milliseconds, and none of the interpreter's time."""
    found: Trim | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


async def give_back(gate: SendGate, trim: Trim, calm: float = _CALM, worth: int = _WORTH) -> None:
    """When `worth` bytes were sent in large messages and none for `calm` seconds; for ever."""
    given_back = 0
    while True:
        await gate.busy.wait()
        sent = -1
        while sent != gate.bytes_sent:
            sent = gate.bytes_sent
            await asyncio.sleep(calm)
        gate.busy.clear()
        if sent - given_back >= worth:
            await asyncio.to_thread(trim, 0)
            given_back = sent
