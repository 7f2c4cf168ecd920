"""From a changed object to a published world, in the world's thread."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from ostria.api.kubernetes.service import Service
from ostria.config.memory import MemorySource
from ostria.config.store import Store
from ostria.discovery.metrics import Metrics
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.world import World
from ostria.discovery.worlds import Worlds
from ostria.snapshot.snapshots import Snapshot, Snapshots
from ostria.snapshot.view import Proxy
from ostria.translate.prepared import ResourceSet


class NoTranslator:
    def contents(self, snapshot: Snapshot, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        return {type_url: ResourceSet(type_url, {}) for type_url in types}

    def same(self, snapshot: Snapshot, held: Sequence[tuple[Snapshot | None, Proxy]]) -> list[bool]:
        return [False] * len(held)


class Broken(Snapshots):
    """Fails once, when told to."""

    fail = False

    def advance(self, *args, **kwargs) -> Snapshot:  # type: ignore[no-untyped-def]
        if Broken.fail:
            Broken.fail = False
            raise RuntimeError("a mistake of ours")
        return super().advance(*args, **kwargs)


def service(name: str) -> Service:
    return decoded(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": {"ports": [{"port": 80}]}}
    )


def decoded(plain: dict) -> Service:  # type: ignore[type-arg]
    import msgspec

    return msgspec.convert(plain, Service)


class Mesh:
    def __init__(self) -> None:
        self.thread, self.store, self.published = WorldThread(), Store(), []  # type: ignore[var-annotated]
        self.source = MemorySource(self.store)
        self.metrics = Metrics("test")
        self.worlds = Worlds(self.store, Broken, NoTranslator(), self.metrics)

    def publish(self, world: World, began: float) -> None:
        self.published.append((world, time.monotonic() - began))

    async def put(self, *names: str) -> None:
        await self.thread.run(self.source.put, *map(service, names))

    def hosts(self) -> list[str]:
        return sorted(host.partition(".")[0] for host in self.worlds.current.snapshot.world.services.by_host)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running() -> AsyncIterator[Mesh]:
    mesh = Mesh()
    await mesh.thread.run(mesh.worlds.begin)
    mesh.thread.begin(mesh.worlds.run(mesh.publish))
    try:
        yield mesh
    finally:
        mesh.thread.close()


async def test_a_change_becomes_one_world() -> None:
    async with running() as mesh:
        await mesh.put("a")
        await until(lambda: mesh.hosts() == ["a"])
        assert len(mesh.published) == 1


async def test_a_burst_becomes_few_worlds() -> None:
    async with running() as mesh:
        for number in range(50):
            await mesh.put(f"s{number}")
        await until(lambda: len(mesh.hosts()) == 50)
        assert len(mesh.published) < 10


async def test_a_mistake_of_ours_leaves_the_last_good_world_and_the_next_change_mends_it() -> None:
    async with running() as mesh:
        await mesh.put("a")
        await until(lambda: mesh.hosts() == ["a"])
        Broken.fail = True
        await mesh.put("b")
        await until(lambda: mesh.worlds.last_failure == "RuntimeError: a mistake of ours")
        assert mesh.hosts() == ["a"]
        await mesh.put("c")
        await until(lambda: not mesh.worlds.last_failure)
        assert mesh.hosts() == ["a", "b", "c"]


async def test_a_push_says_in_istios_words_what_it_was_begun_by() -> None:
    async with running() as mesh:
        await mesh.put("a")
        await until(lambda: bool(mesh.published))
        counted = mesh.metrics.registry.get_sample_value
        assert counted("pilot_push_triggers_total", {"type": "global"}) == 1, "the first world"
        assert counted("pilot_push_triggers_total", {"type": "service"}) == 1
        assert counted("pilot_push_triggers_total", {"type": "config"}) is None
