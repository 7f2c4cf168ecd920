"""Envoy's life under a supervisor: how it is called, that it comes back, how it drains and ends."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from ostria.agent.drain import DrainSettings, active_connections, drain
from ostria.agent.envoy import Backoff, Envoy, EnvoyCommand, argv
from ostria.agent.http_client import Target
from ostria.agent.http_server import HttpServer, Reply, ServerRequest


def test_the_command_line() -> None:
    found = argv(EnvoyCommand(path="/envoy", bootstrap="/b.json", concurrency=3, drain_time=20.4))
    assert found[:3] == ["/envoy", "-c", "/b.json"]
    assert "--disable-hot-restart" in found
    assert found[found.index("--concurrency") + 1] == "3"
    assert found[found.index("--drain-time-s") + 1] == "20"
    assert "--concurrency" not in argv(EnvoyCommand(path="/envoy", bootstrap="/b.json", concurrency=0))
    assert "--log-format" not in argv(EnvoyCommand(path="/envoy", bootstrap="/b.json", json_log=True))


def test_waits_double_up_to_a_limit_and_a_steady_run_forgets_them() -> None:
    backoff = Backoff(first=0.2, longest=2.0)
    assert [backoff.after(0.1) for _ in range(6)] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert backoff.after(60.0) == 0.0
    assert backoff.after(0.1) == 0.2


async def test_an_envoy_that_ends_is_started_again_until_it_is_stopped() -> None:
    started: list[int] = []
    envoy = Envoy([sys.executable, "-c", "pass"], backoff=Backoff(first=0.01), on_start=lambda: started.append(1))
    running = asyncio.create_task(envoy.run())
    async with asyncio.timeout(10):
        while envoy.starts < 3:
            await asyncio.sleep(0.01)
    await envoy.stop()
    await running
    assert len(started) == envoy.starts


async def test_an_envoy_that_does_not_listen_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()

    async def start(_command: object) -> asyncio.subprocess.Process:
        return process

    envoy = Envoy([], start=start)
    running = asyncio.create_task(envoy.run())
    while envoy.pid is None:
        await asyncio.sleep(0)
    await envoy.stop(grace=0.1)
    await running
    assert process.returncode == -9


async def test_a_missing_binary_is_tried_again_and_does_not_raise() -> None:
    envoy = Envoy(["/nonexistent"], backoff=Backoff(first=0.01))
    running = asyncio.create_task(envoy.run())
    await asyncio.sleep(0.05)
    await envoy.stop()
    await running
    assert envoy.starts == 0


@dataclass
class Admin:
    """Envoy's admin page with connections that end one by one, once it drains."""

    active: int
    asked: list[str] = field(default_factory=list)

    async def page(self, request: ServerRequest) -> Reply:
        self.asked.append(f"{request.method} {request.target}")
        if request.path == "/drain_listeners":
            return Reply(body=b"OK\n")
        left, self.active = self.active, max(0, self.active - 1)
        named = {
            "http.outbound.downstream_cx_active": 9,
            "listener.admin.downstream_cx_active": 9,
            "listener.admin.main_thread.downstream_cx_active": 9,
            "listener.0.0.0.0_15021.downstream_cx_active": 9,
            "listener.0.0.0.0_15006.downstream_cx_active": left,
            "listener.0.0.0.0_15006.worker_0.downstream_cx_active": left,
        }
        return Reply(body=json.dumps({"stats": [{"name": name, "value": value} for name, value in named.items()]}).encode())


@asynccontextmanager
async def _admin(active: int) -> AsyncIterator[tuple[Admin, Target]]:
    admin = Admin(active)
    server = HttpServer(admin.page)
    await server.listen("127.0.0.1", 0)
    try:
        yield admin, Target(port=server._servers[0].sockets[0].getsockname()[1])
    finally:
        server.close()


async def test_draining_waits_for_the_last_connection() -> None:
    async with _admin(3) as (admin, target):
        assert await drain(DrainSettings(admin=target, interval=0.01))
    assert admin.asked[0] == "POST /drain_listeners?graceful&skip_exit&inboundonly"
    assert len(admin.asked) == 5


async def test_draining_never_takes_longer_than_asked() -> None:
    async with _admin(10_000) as (admin, target):
        async with asyncio.timeout(2):
            assert not await drain(DrainSettings(admin=target, inbound_only=False, maximum=0.2, interval=0.05))
    assert admin.asked[0] == "POST /drain_listeners?graceful&skip_exit"


async def test_only_traffic_counts() -> None:
    async with _admin(4) as (_, target):
        assert await active_connections(target, (15021, 15090)) == 4


@pytest.mark.parametrize("port", [1])
async def test_an_envoy_that_is_gone_is_not_waited_for(port: int) -> None:
    assert not await drain(DrainSettings(admin=Target(port=port), minimum=60.0))
