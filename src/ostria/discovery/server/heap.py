"""Gives back the memory that a herd of proxies leaves behind: gRPC's copies of large messages were in it, and the allocator would keep it."""

import asyncio
import ctypes
from collections.abc import Callable

Trim = Callable[[int], int]

_EVERY = 0.5
_WORTH = 16 << 20


def malloc_trim() -> Trim | None:
    """glibc's; None where the C library has none (musl). It takes milliseconds, and none of the interpreter's time."""
    found: Trim | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


async def give_back(sent: Callable[[], int], trim: Trim, every: float = _EVERY, worth: int = _WORTH) -> None:
    """Each time `worth` bytes were `sent` in large messages and none since the last look, `every` so many seconds; for ever."""
    given_back = before = sent()
    while True:
        await asyncio.sleep(every)
        now = sent()
        if now == before and now - given_back >= worth:
            await asyncio.to_thread(trim, 0)
            given_back = now
        before = now
