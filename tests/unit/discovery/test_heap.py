"""What a herd leaves behind is given back once it has passed."""

import asyncio

from ostria.discovery.protocol.requests import Response
from ostria.discovery.server.gate import SendGate
from ostria.discovery.server.heap import give_back, malloc_trim
from ostria.discovery.server.limits import Limits
from ostria.translate.names import CDS


async def _taken(_: bytes) -> None:
    """By a reader who takes everything at once."""


async def _send(gate: SendGate, size: int) -> None:
    await gate.send(_taken, Response(type_url=CDS, nonce="1", parts=(b"x" * size,), resources=1, removed=0), slow=False)


async def test_memory_is_given_back_once_a_herd_has_passed_and_not_for_little() -> None:
    gate, trimmed, loop = SendGate(Limits(large_bytes=100)), asyncio.Event(), asyncio.get_running_loop()

    def trim(_: int) -> int:
        loop.call_soon_threadsafe(trimmed.set)
        return 1

    task = asyncio.create_task(give_back(gate, trim, calm=0.05, worth=1000))
    await _send(gate, 999)
    await asyncio.sleep(0.2)
    assert not trimmed.is_set(), "too little"
    for _ in range(40):
        await _send(gate, 100)
        await asyncio.sleep(0.005)
    assert not trimmed.is_set(), "the herd is not past yet"
    async with asyncio.timeout(5):
        await trimmed.wait()
    trimmed.clear()
    await _send(gate, 99)
    await asyncio.sleep(0.2)
    assert not trimmed.is_set(), "once is enough"
    task.cancel()


def test_glibc_can() -> None:
    trim = malloc_trim()
    assert trim is not None
    assert trim(0) in (0, 1)
