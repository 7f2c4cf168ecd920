"""The agent's pages on 15020 and on its socket: who may ask what, and what a hostile or slow caller gets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio
import pytest

from ostria.agent.http_client import HttpError, Request, Target, fetch, get, post
from ostria.agent.http_server import HttpServer, Reply, ServerRequest
from ostria.agent.metrics import Metrics
from ostria.agent.name_table import Name
from ostria.agent.probes_table import parse_probes
from ostria.agent.readiness import Readiness
from ostria.agent.scrape import Scrape
from ostria.agent.scrape_target import app_metrics
from ostria.agent.status import Status

READY_STATS = (
    "cluster_manager.cds.update_success: 1\nlistener_manager.lds.update_success: 2\nlistener_manager.workers_started: 1\nserver.state: 0\n"
)

Page = Callable[[ServerRequest], Awaitable[Reply]]


def _port(server: HttpServer) -> int:
    (listening,) = server._servers
    port: int = listening.sockets[0].getsockname()[1]
    return port


@asynccontextmanager
async def _serve(page: Page) -> AsyncIterator[int]:
    server = HttpServer(page)
    await server.listen("127.0.0.1", 0)
    try:
        yield _port(server)
    finally:
        server.close()


@dataclass
class Envoy:
    """Envoy's admin page, as far as the agent reads it."""

    stats: str = READY_STATS
    asked: list[str] = field(default_factory=list)

    async def page(self, request: ServerRequest) -> Reply:
        self.asked.append(request.target)
        if request.path == "/stats/prometheus":
            return Reply(body=b"envoy_server_live{} 1")
        return Reply(body=self.stats.encode())


@dataclass
class Agent:
    port: int
    socket: Path
    envoy: Envoy
    readiness: Readiness
    metrics: Metrics
    ended: list[str] = field(default_factory=list)

    @property
    def target(self) -> Target:
        return Target(port=self.port)


@asynccontextmanager
async def _agent(folder: Path, *, probers: str = "", annotations: str = "") -> AsyncIterator[Agent]:
    envoy = Envoy()
    async with _serve(envoy.page) as admin:
        readiness, metrics, ended = Readiness(admin=Target(port=admin)), Metrics(), list[str]()

        async def drain() -> None:
            ended.append("drain")

        status = Status(
            readiness=readiness,
            scrape=Scrape(metrics=metrics, envoy=Target(port=admin), app=app_metrics(annotations, (15020,))),
            probes=parse_probes(probers),
            app="127.0.0.1",
            quit=lambda: ended.append("quit"),
            drain=drain,
            names=lambda: {"a.example": Name(addresses=("10.0.0.1",))},
        )
        async with _serve(status.handle) as port:
            control = HttpServer(status.handle)
            await control.listen_unix(str(folder / "agent.sock"))
            try:
                yield Agent(port, folder / "agent.sock", envoy, readiness, metrics, ended)
            finally:
                control.close()


async def test_readiness_says_what_is_missing(tmp_path: Path) -> None:
    async with _agent(tmp_path) as agent:
        agent.envoy.stats = "server.state: 2\n"
        assert await get(agent.target, "/healthz/ready") == (503, b"Envoy has not received clusters and listeners from the control plane\n")
        agent.envoy.stats = READY_STATS.replace("cds.update_success: 1", "cds.update_success: 0")
        assert (await get(agent.target, "/healthz/ready"))[1] == b"Envoy has not received clusters from the control plane\n"
        agent.envoy.stats = READY_STATS.replace("workers_started: 1", "workers_started: 0")
        assert (await get(agent.target, "/healthz/ready"))[1] == b"Envoy's workers have not started\n"
        agent.envoy.stats = READY_STATS
        assert (await get(agent.target, "/healthz/ready"))[0] == 200


async def test_a_rejected_configuration_is_a_received_one(tmp_path: Path) -> None:
    async with _agent(tmp_path) as agent:
        agent.envoy.stats = READY_STATS.replace("lds.update_success: 2", "lds.update_rejected: 1")
        assert (await get(agent.target, "/healthz/ready"))[0] == 200


async def test_a_proxy_that_drains_is_not_ready(tmp_path: Path) -> None:
    async with _agent(tmp_path) as agent:
        agent.readiness.draining = True
        assert await get(agent.target, "/healthz/ready") == (503, b"the proxy is draining\n")


async def test_ending_takes_a_post_from_this_machine(tmp_path: Path) -> None:
    async with _agent(tmp_path) as agent:
        assert (await get(agent.target, "/quitquitquit"))[0] == 405
        assert (await post(agent.target, "/quitquitquit"))[0] == 200
        assert (await post(Target(path=str(agent.socket)), "/drain"))[0] == 200
        assert agent.ended == ["quit", "drain"]


async def test_callers_behind_envoy_are_not_this_machine() -> None:
    seen: list[bool] = []

    async def page(request: ServerRequest) -> Reply:
        seen.append(request.local)
        return Reply()

    async with _serve(page) as port:
        await get(Target(port=port), "/")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.6", 0))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readline()
        writer.close()
    assert seen == [True, False]


async def test_envoys_admin_pages_are_for_the_sockets_owner_alone(tmp_path: Path) -> None:
    async with _agent(tmp_path) as agent:
        assert (await get(agent.target, "/envoy/config_dump"))[0] == 404
        assert (await get(Target(path=str(agent.socket)), "/envoy/stats?filter=x"))[1] == READY_STATS.encode()
        assert agent.envoy.asked == ["/stats?filter=x"]


async def test_the_name_table_can_be_read_on_this_machine(tmp_path: Path) -> None:
    async with _agent(tmp_path) as agent:
        _, body = await get(agent.target, "/debug/ndsz")
        assert json.loads(body)["table"]["a.example"]["ips"] == ["10.0.0.1"]


async def test_metrics_merge_with_the_apps_last(tmp_path: Path) -> None:
    async def app(request: ServerRequest) -> Reply:
        assert request.headers["accept"] == "application/openmetrics-text"
        return Reply(body=b"app_total 3\n# EOF\n", content_type="application/openmetrics-text; version=1.0.0")

    async with _serve(app) as port, _agent(tmp_path, annotations=json.dumps({"scrape": "true", "port": str(port)})) as agent:
        request = Request(target=agent.target, path="/stats/prometheus", headers=(("Accept", "application/openmetrics-text"),))
        async with fetch(request) as response:
            lines = (await response.read(1 << 20)).decode().splitlines()
            assert response.header("content-type").startswith("application/openmetrics-text")
    assert lines.index("istio_agent_scrapes_total 1") < lines.index("envoy_server_live{} 1") < lines.index("app_total 3")
    assert lines[-1] == "# EOF"


async def test_a_part_that_fails_is_counted_and_the_rest_is_served(tmp_path: Path) -> None:
    async with _agent(tmp_path, annotations='{"scrape": "true", "port": "1"}') as agent:
        status, body = await get(agent.target, "/stats/prometheus")
        assert status == 200
        assert b"envoy_server_live" in body
        assert agent.metrics.value("scrape_failures_total", type="application") == 1


def _prober(port: int, action: dict[str, object], timeout: int = 1) -> str:
    return json.dumps({"/app-health/web/readyz": {**action, "timeoutSeconds": timeout}})


async def test_an_http_probe_asks_the_app_as_kubelet_would(tmp_path: Path) -> None:
    seen: list[ServerRequest] = []

    async def app(request: ServerRequest) -> Reply:
        seen.append(request)
        return Reply(status=301, headers=(("Location", "/there"),)) if request.path == "/health" else Reply(status=418, body=b"teapot")

    async with _serve(app) as port:
        probe = {"httpGet": {"path": "health", "port": port, "httpHeaders": [{"name": "X-A", "value": "b"}]}}
        async with _agent(tmp_path, probers=_prober(port, probe)) as agent:
            assert await get(agent.target, "/app-health/web/readyz") == (418, b"teapot")
            assert (await get(agent.target, "/app-health/other/readyz"))[0] == 404
    assert [request.path for request in seen] == ["/health", "/there"]
    assert seen[0].headers["x-a"] == "b"


async def test_an_app_that_is_slow_or_gone_fails_its_probe(tmp_path: Path) -> None:
    async def app(_request: ServerRequest) -> Reply:
        await asyncio.sleep(5)
        return Reply()

    async with _serve(app) as port, _agent(tmp_path, probers=_prober(port, {"httpGet": {"path": "/", "port": port}})) as agent:
        status, body = await get(agent.target, "/app-health/web/readyz")
        assert (status, body) == (500, b"no answer within 1 s\n")
    async with _agent(tmp_path, probers=_prober(1, {"tcpSocket": {"port": 1}})) as agent:
        assert (await get(agent.target, "/app-health/web/readyz"))[0] == 500


async def test_a_tcp_probe_connects(tmp_path: Path) -> None:
    async def app(_request: ServerRequest) -> Reply:
        return Reply()

    async with _serve(app) as port, _agent(tmp_path, probers=_prober(port, {"tcpSocket": {"port": port}})) as agent:
        assert (await get(agent.target, "/app-health/web/readyz"))[0] == 200


@pytest.mark.parametrize(("serving", "status"), [(b"\x08\x01", 200), (b"\x08\x02", 500), (b"", 500)])
async def test_a_grpc_probe_asks_the_health_service(tmp_path: Path, serving: bytes, status: int) -> None:
    asked: list[bytes] = []

    async def check(request: bytes, _context: object) -> bytes:
        asked.append(request)
        return serving

    server = grpc.aio.server()
    methods = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with _agent(tmp_path, probers=_prober(port, {"grpc": {"port": port, "service": "web"}})) as agent:
            assert (await get(agent.target, "/app-health/web/readyz"))[0] == status
    finally:
        await server.stop(0)
    assert asked == [b"\x0a\x03web"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 200_000,
    ],
)
async def test_what_is_malformed_or_too_large_is_refused(sent: bytes) -> None:
    async def page(_request: ServerRequest) -> Reply:
        raise AssertionError("must not be reached")

    async with _serve(page) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.readline()
        assert answer.split()[1] in (b"400", b"413", b"431")
        writer.close()


async def test_a_handler_that_fails_is_a_500_and_the_server_lives() -> None:
    async def page(request: ServerRequest) -> Reply:
        raise RuntimeError("no")

    async with _serve(page) as port:
        assert (await get(Target(port=port), "/"))[0] == 500
        assert (await get(Target(port=port), "/"))[0] == 500


async def test_no_answer_is_an_error_with_its_reason() -> None:
    with pytest.raises(HttpError, match="Connect call failed"):
        await get(Target(port=1), "/")
