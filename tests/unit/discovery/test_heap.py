"""What a herd leaves behind is given back once it has passed."""

import asyncio

from ostria.discovery.server.heap import give_back, malloc_trim


async def test_memory_is_given_back_once_a_herd_has_passed_and_not_for_little() -> None:
    sent, trimmed = 0, asyncio.Event()

    def trim(_: int) -> int:
        loop.call_soon_threadsafe(trimmed.set)
        return 1

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(give_back(lambda: sent, trim, every=0.02, worth=1000))
    await asyncio.sleep(0.1)
    sent += 999
    await asyncio.sleep(0.1)
    assert not trimmed.is_set(), "too little"
    for _ in range(40):
        sent += 100
        await asyncio.sleep(0.005)
    assert not trimmed.is_set(), "the herd is not past yet"
    async with asyncio.timeout(5):
        await trimmed.wait()
    trimmed.clear()
    await asyncio.sleep(0.1)
    assert not trimmed.is_set(), "once is enough"
    task.cancel()


def test_glibc_can() -> None:
    trim = malloc_trim()
    assert trim is not None
    assert trim(0) in (0, 1)
