"""What must stay short is seen when it is not."""

import asyncio
import gc
import time
import weakref

from tests.unit.discovery.test_worlds import running, until

from ostria.discovery.metrics import Metrics
from ostria.discovery.server.pulse import CollectorWatch, TimedLoop


def test_a_turn_that_holds_up_the_event_loop_is_seen() -> None:
    metrics = Metrics("test")

    async def work() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TimedLoop)
        loop.measure(metrics)
        loop.call_soon(time.sleep, 0.06)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=TimedLoop) as runner:
        runner.run(work())
    assert longer_than(metrics, "0.05") >= 1
    assert longer_than(metrics, "0.05", "ostria_loop_work_seconds") == 0, "a turn that waited is told from one that worked"


def longer_than(metrics: Metrics, seconds: str, name: str = "ostria_loop_turn_seconds") -> float:
    values = metrics.registry.get_sample_value
    return (values(f"{name}_count") or 0) - (values(f"{name}_bucket", {"le": seconds}) or 0)


def test_every_collection_is_counted_while_it_is_watched() -> None:
    metrics = Metrics("test")
    watch = CollectorWatch(metrics)
    watch.begin()
    gc.collect()
    watch.end()
    gc.collect()
    assert metrics.registry.get_sample_value("ostria_gc_pause_seconds_count") == 1


async def test_garbage_does_not_leave_the_collectors_sight_with_a_world() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self

    async with running() as mesh:
        gone = weakref.ref(Cycle())
        await mesh.put("a")
        await until(lambda: mesh.hosts() == ["a"])
        assert gone() is None


async def test_in_calm_what_proxies_had_made_leaves_the_collectors_sight() -> None:
    async with running() as mesh:
        await mesh.thread.run(gc.unfreeze)
        mesh.thread.begin(mesh.worlds.rest(calm=0.005))
        async with asyncio.timeout(5):
            while not gc.get_freeze_count():
                await asyncio.sleep(0.005)
