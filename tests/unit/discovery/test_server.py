"""The server over loopback, with real gRPC clients: good ones, slow ones and hostile ones."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2 as d
from tests.unit.discovery.worlds import EMPTY, cluster, resource, world

from ostria.discovery.metrics import Metrics
from ostria.discovery.server.discovery_server import DiscoveryServer
from ostria.discovery.server.limits import Limits
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.world import World
from ostria.snapshot.view import Proxy
from ostria.translate.names import CDS, EDS, LDS, RDS
from ostria.translate.prepared import ResourceSet

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"


class FakeWorld:
    def __init__(self, version: str, contents: Mapping[str, ResourceSet]) -> None:
        self.version, self._contents = version, contents
        self.forgotten: list[str] = []
        self.places = object()

    def complete(self, proxy: Proxy) -> Proxy:
        if proxy.name == "stranger":
            raise LookupError("no such pod")
        return proxy

    def contents(self, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        return {type_url: self._contents.get(type_url, ResourceSet(type_url, {})) for type_url in types}

    def same(self, held: Sequence[tuple[World, Proxy]]) -> list[bool]:
        return [isinstance(older, FakeWorld) and self._contents is older._contents for older, _ in held]

    def forget(self, proxy_id: str) -> None:
        self.forgotten.append(proxy_id)


class SlowWorld(FakeWorld):
    """Takes longer for one proxy than a visit to the world's thread may last."""

    def contents(self, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        time.sleep(0.006)
        return super().contents(proxy, types)


class HeldWorld(FakeWorld):
    """Works on its first answer until it is released."""

    def __init__(self, version: str, contents: Mapping[str, ResourceSet]) -> None:
        super().__init__(version, contents)
        self.asked, self.released = threading.Event(), threading.Event()

    def contents(self, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        self.asked.set()
        assert self.released.wait(5)
        return super().contents(proxy, types)


def node(name: str = "sleep", **metadata: str) -> base_pb2.Node:
    made = base_pb2.Node(id=f"sidecar~10.0.0.1~{name}.default~default.svc.cluster.local")
    made.metadata.update(metadata)
    return made


class Client:
    """A delta client on a connection of its own."""

    def __init__(self, port: int, name: str = "sleep", **options: int) -> None:
        self.node = node(name)
        self._channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1), *options.items()]
        )
        self.call = self._channel.stream_stream(
            METHOD + "DeltaAggregatedResources",
            request_serializer=d.DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=d.DeltaDiscoveryResponse.FromString,
        )()

    async def ask(self, type_url: str, *names: str) -> None:
        await self.call.write(d.DeltaDiscoveryRequest(node=self.node, type_url=type_url, resource_names_subscribe=names))

    async def read(self) -> d.DeltaDiscoveryResponse:
        response = await asyncio.wait_for(self.call.read(), 5)
        assert isinstance(response, d.DeltaDiscoveryResponse), "the stream has ended"
        return response

    async def accept(self, response: d.DeltaDiscoveryResponse) -> None:
        await self.call.write(d.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        return await asyncio.wait_for(self.call.code(), 5), await self.call.details()

    async def close(self) -> None:
        await self._channel.close()


@asynccontextmanager
async def serving(contents: Mapping[str, ResourceSet], **limits: float) -> AsyncIterator[DiscoveryServer]:
    thread = WorldThread()
    server = DiscoveryServer(
        FakeWorld("1", contents),
        thread,
        Metrics("test"),
        plaintext="127.0.0.1:0",
        secure=None,
        debug=lambda *_: None,
        limits=Limits(**limits),  # type: ignore[arg-type]
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)
        thread.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


def pushes_ended(server: DiscoveryServer) -> float | None:
    return server.metrics.registry.get_sample_value("pilot_proxy_convergence_time_count")


async def test_a_proxy_hears_of_the_world_and_of_its_changes() -> None:
    async with serving(world(clusters=(cluster("a"),))) as server:
        client = Client(server.plaintext_port)
        await client.ask(CDS)
        first = await client.read()
        assert [each.name for each in first.resources] == ["a"]
        assert first.system_version_info == "1"
        await client.accept(first)
        server.pusher.push(FakeWorld("2", world(clusters=(cluster("a"), cluster("b")))), time.monotonic())
        second = await client.read()
        assert ([each.name for each in second.resources], second.system_version_info) == (["b"], "2")
        await client.close()


async def test_pushes_merge_while_a_proxy_does_not_answer() -> None:
    async with serving(world(clusters=(cluster("a"),))) as server:
        client = Client(server.plaintext_port)
        await client.ask(CDS)
        first = await client.read()
        for content in range(2, 30):
            server.pusher.push(FakeWorld(str(content), world(clusters=(cluster("a", content),))), time.monotonic())
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        await client.accept(first)
        second = await client.read()
        assert second.resources[0].version == cluster("a", 29).version
        await client.close()


async def test_a_world_that_is_the_same_for_a_proxy_is_no_news_to_it() -> None:
    async with serving(same := world(clusters=(cluster("a"),))) as server:
        client = Client(server.plaintext_port)
        await client.ask(CDS)
        await client.accept(await client.read())
        pusher = server.pusher
        pusher.push(FakeWorld("2", same), time.monotonic())
        (connection,) = pusher.connections.values()
        await until(lambda: connection.world.version == "2")
        assert (connection.pushing, pushes_ended(server)) == (None, 0)
        pusher.push(FakeWorld("3", world(clusters=(cluster("a", "new"),))), time.monotonic())
        assert (await client.read()).system_version_info == "3"
        await until(lambda: pushes_ended(server) == 1)
        await client.close()


async def test_a_type_that_is_opened_while_a_new_world_is_worked_out_comes_from_it_with_the_others() -> None:
    async with serving(world(clusters=(cluster("a"),), endpoints=(resource("a", "old"),))) as server:
        client = Client(server.plaintext_port)
        await client.ask(CDS)
        await client.accept(await client.read())
        pusher, held = server.pusher, HeldWorld("2", world(clusters=(cluster("a", "new"),), endpoints=(resource("a", "new"),)))
        (connection,) = pusher.connections.values()
        pusher.push(held, time.monotonic())
        await until(held.asked.is_set)
        await client.ask(EDS, "a")
        await until(lambda: connection.opening)
        held.released.set()
        came = {}
        for response in [await client.read(), await client.read()]:
            await client.accept(response)
            came[response.type_url] = response.resources[0].version
        assert came == {CDS: cluster("a", "new").version, EDS: resource("a", "new").version}
        await until(lambda: connection.stream.settled and not pusher._queue)
        assert (connection.world, connection.stream.types) == (held, (CDS, EDS))
        await client.close()


async def test_nobody_waits_for_ever_while_worlds_keep_coming() -> None:
    async with serving(world(clusters=(cluster("a"),))) as server:
        clients = [Client(server.plaintext_port, f"sleep-{number}") for number in range(6)]
        for client in clients:
            await client.ask(CDS)
            await client.accept(await client.read())

        async def change() -> None:
            for number in itertools.count(2):
                server.pusher.push(SlowWorld(str(number), world(clusters=(cluster("a", number),))), time.monotonic())
                await asyncio.sleep(0.005)

        changing = asyncio.create_task(change())
        assert len([await client.read() for client in clients]) == 6
        changing.cancel()
        for client in clients:
            await client.close()


async def test_a_proxy_that_never_reads_delays_nobody() -> None:
    big = tuple(cluster(f"c{number}", "x" * 40_000) for number in range(100))
    async with serving(world(clusters=big), bytes_in_flight=8 << 20, prompt_seconds=0.05, write_seconds=2) as server:
        deaf = [Client(server.plaintext_port, f"deaf{number}") for number in range(6)]
        for client in deaf:
            await client.ask(CDS)
        await asyncio.sleep(0.2)
        begin = time.monotonic()
        good = Client(server.plaintext_port)
        await good.ask(CDS)
        assert len((await good.read()).resources) == 100
        assert time.monotonic() - begin < 2
        for client in (*deaf, good):
            await client.close()


async def test_what_is_no_request_ends_its_own_stream_only() -> None:
    async with serving(EMPTY) as server:
        good = Client(server.plaintext_port)
        await good.ask(CDS)
        await good.accept(await good.read())
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.plaintext_port}")
        for garbage in (b"\xff" * 100, b"", d.DeltaDiscoveryRequest(type_url=CDS).SerializeToString()):
            call = channel.stream_stream(METHOD + "DeltaAggregatedResources")()
            await call.write(garbage)
            assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT
        await channel.close()
        server.pusher.push(FakeWorld("2", world(clusters=(cluster("a"),))), time.monotonic())
        assert [each.name for each in (await good.read()).resources] == ["a"]
        await good.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (d.DeltaDiscoveryRequest(node=node(x="y" * 300_000), type_url=CDS), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (d.DeltaDiscoveryRequest(node=node(x="y" * 10_000_000), type_url=CDS), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (
            d.DeltaDiscoveryRequest(node=node(), type_url=EDS, resource_names_subscribe=[f"n{number}" for number in range(60_000)]),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ),
        (
            d.DeltaDiscoveryRequest(node=node(), type_url=EDS, resource_names_subscribe=[f"n{number}" for number in range(1_000_000)]),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ),
        (d.DeltaDiscoveryRequest(node=base_pb2.Node(id="me"), type_url=CDS), grpc.StatusCode.INVALID_ARGUMENT),
        (d.DeltaDiscoveryRequest(node=base_pb2.Node(id="ztunnel~1.1.1.1~a.b~c"), type_url=CDS), grpc.StatusCode.INVALID_ARGUMENT),
        (d.DeltaDiscoveryRequest(node=node("stranger"), type_url=CDS), grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_what_is_too_large_or_nobody_is_refused(request_: d.DeltaDiscoveryRequest, status: grpc.StatusCode) -> None:
    async with serving(EMPTY) as server:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.plaintext_port}", options=[("grpc.max_send_message_length", -1)])
        call = channel.stream_stream(METHOD + "DeltaAggregatedResources", request_serializer=d.DeltaDiscoveryRequest.SerializeToString)()
        await call.write(request_)
        assert await asyncio.wait_for(call.code(), 5) == status
        await channel.close()


async def test_a_proxy_may_hold_a_few_streams_and_no_more() -> None:
    async with serving(EMPTY, streams_per_proxy=3) as server:
        clients = [Client(server.plaintext_port) for _ in range(3)]
        for client in clients:
            await client.ask(CDS)
            await client.read()
        one_more = Client(server.plaintext_port)
        await one_more.ask(CDS)
        assert (await one_more.ended())[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
        other = Client(server.plaintext_port, "other")
        await other.ask(CDS)
        await other.read()
        await clients.pop().close()
        while len(server.pusher.connections) > 3:
            await asyncio.sleep(0.01)
        in_its_place = Client(server.plaintext_port)
        await in_its_place.ask(CDS)
        await in_its_place.read()
        for client in (*clients, one_more, other, in_its_place):
            await client.close()


async def test_the_world_forgets_a_proxy_when_its_last_stream_ends() -> None:
    async with serving(EMPTY) as server:
        world = server.pusher.world
        assert isinstance(world, FakeWorld)
        clients = [Client(server.plaintext_port) for _ in range(2)]
        for client in clients:
            await client.ask(CDS)
            await client.read()
        await clients[0].close()
        await until(lambda: len(server.pusher.connections) == 1)
        assert not world.forgotten
        (last,) = server.pusher.connections.values()
        await clients[1].close()
        await until(lambda: world.forgotten == [last.claims.id])


async def test_unknown_types_and_a_flood_of_requests_are_borne() -> None:
    async with serving(world(routes=(resource("80", 1),)), request_burst=20, requests_per_second=1000) as server:
        client = Client(server.plaintext_port)
        await client.ask("type.googleapis.com/envoy.config.unknown")
        for _ in range(100):
            await client.ask(RDS, "80")
        first = await client.read()
        assert [each.name for each in first.resources] == ["80"]
        await client.ask(LDS)
        assert (await client.read()).type_url == LDS
        await client.close()


async def test_stopping_ends_streams() -> None:
    async with serving(EMPTY) as server:
        client = Client(server.plaintext_port)
        await client.ask(CDS)
        await client.read()
        await server.stop(0.1)
        assert (await client.ended())[0] == grpc.StatusCode.UNAVAILABLE
        await client.close()
        assert not server.pusher.connections
