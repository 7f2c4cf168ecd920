"""One timer for all who wait."""

import asyncio
import gc
import weakref

import pytest

from ostria.discovery.server.deadlines import Deadlines


async def test_who_takes_too_long_is_told_so_and_nobody_else() -> None:
    deadlines, never = Deadlines(0.1), asyncio.Event()
    begun = asyncio.get_running_loop().time()
    long = [asyncio.create_task(deadlines.keep(never.wait())) for _ in range(3)]
    await asyncio.sleep(0.06)
    late = asyncio.create_task(deadlines.keep(never.wait()))
    await deadlines.keep(asyncio.sleep(0.001))
    for each in long:
        with pytest.raises(TimeoutError):
            await each
    assert not late.done(), "its own time counts from its own beginning"
    with pytest.raises(TimeoutError):
        await late
    assert asyncio.get_running_loop().time() - begun >= 0.16
    assert not deadlines._begun
    assert not deadlines._overdue


async def test_a_task_that_was_told_so_may_go_on() -> None:
    deadlines = Deadlines(0.02)

    async def twice() -> list[str]:
        told = []
        for _ in range(2):
            try:
                await deadlines.keep(asyncio.Event().wait())
            except TimeoutError:
                told.append("late")
        await asyncio.sleep(0)
        return told

    task = asyncio.create_task(twice())
    assert await task == ["late", "late"]
    assert task.cancelling() == 0


async def test_whoever_is_cancelled_by_others_is_cancelled() -> None:
    deadlines = Deadlines(0.05)
    task = asyncio.create_task(deadlines.keep(asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    both = asyncio.create_task(deadlines.keep(asyncio.Event().wait()))
    await asyncio.sleep(0)
    deadlines._seconds = 0.0
    deadlines._look()
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both
    with pytest.raises(ValueError, match="of its own"):
        await deadlines.keep(_fails())


async def _fails() -> None:
    raise ValueError("of its own")


async def test_whoever_ends_while_it_waits_leaves_nothing_for_the_collector() -> None:
    """A task's cancellation keeps the frames that it passed through: one that holds the task makes a cycle with all that these frames hold."""
    deadlines = Deadlines(60)
    gc.disable()
    try:
        task = asyncio.create_task(deadlines.keep(asyncio.Event().wait()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gone = weakref.ref(task)
        del task
        await asyncio.sleep(0)
        assert gone() is None
    finally:
        gc.enable()
