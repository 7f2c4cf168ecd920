"""Probes of the app that injection rewrote: kubelet asks the agent, the agent asks the app past Envoy, so that mutual TLS never fails a probe.

A path that is not in the table (`probes_table`) is never probed.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import grpc
import grpc.aio

from ostria.agent.http_client import HttpError, Request, Response, Target, fetch
from ostria.agent.http_server import Reply
from ostria.agent.probes_table import GrpcProbe, HttpProbe, Probe, TcpProbe
from ostria.agent.wire import WireError, fields, text_field

_MAX_BODY: Final = 65_536
_MAX_REDIRECTS: Final = 10
_SERVING: Final = 1
_HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"


async def run(probe: Probe, app: str, headers: Mapping[str, str]) -> Reply:
    """Ask the app at address `app`, unless the probe names a host; `headers` are those of kubelet's own request."""
    try:
        match probe.action:
            case HttpProbe() as http:
                return await _http(http, probe.timeout, app, headers)
            case TcpProbe() as tcp:
                return await _tcp(tcp, probe.timeout, app)
            case GrpcProbe() as call:
                return await _grpc(call, probe.timeout, app)
    except HttpError as error:
        return Reply(status=500, body=f"{error}\n".encode())


async def _http(probe: HttpProbe, timeout: float, app: str, kubelet: Mapping[str, str]) -> Reply:
    """A redirect to the app itself is followed, one to elsewhere means that the app answers."""
    target, path = Target(host=app, port=probe.port, tls=probe.tls), probe.path
    for _ in range(_MAX_REDIRECTS):
        request = Request(target=target, path=path, headers=_headers(probe, app, kubelet), timeout=timeout)
        async with fetch(request) as response:
            location = response.header("location") if 300 <= response.status < 400 else ""
            following = _same_app(location, probe, app) if location else None
            if following is None:
                return await _answer(response)
            path = following
    return Reply(status=500, body=b"too many redirects\n")


def _headers(probe: HttpProbe, app: str, kubelet: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    named = {name.lower() for name, _ in probe.headers}
    host = probe.host or f"{f'[{app}]' if ':' in app else app}:{probe.port}"
    more = [("Host", host)] if "host" not in named else []
    agent = kubelet.get("user-agent", "")
    more += [("User-Agent", agent)] if agent and "user-agent" not in named else []
    return (*more, *probe.headers)


def _same_app(location: str, probe: HttpProbe, app: str) -> str | None:
    found = urlsplit(location)
    if found.netloc and found.hostname not in (app, probe.host, "localhost"):
        return None
    if found.netloc and (found.port or (443 if found.scheme == "https" else 80)) != probe.port:
        return None
    return (found.path or "/") + (f"?{found.query}" if found.query else "")


async def _answer(response: Response) -> Reply:
    body = await response.read(_MAX_BODY)
    return Reply(status=response.status, body=body, content_type=response.header("content-type") or "text/plain; charset=utf-8")


async def _tcp(probe: TcpProbe, timeout: float, app: str) -> Reply:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(probe.host or app, probe.port)
    except (OSError, TimeoutError) as error:
        return Reply(status=500, body=f"{error or 'no answer in time'}\n".encode())
    writer.close()
    return Reply(body=b"")


async def _grpc(probe: GrpcProbe, timeout: float, app: str) -> Reply:
    host = f"[{app}]" if ":" in app else app
    async with grpc.aio.insecure_channel(f"{host}:{probe.port}", options=(("grpc.enable_http_proxy", 0),)) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_HEALTH_CHECK)
        with contextlib.suppress(grpc.aio.AioRpcError, WireError):
            answer = await call(text_field(1, probe.service), timeout=timeout)
            statuses = [value for _, value in fields(answer, (1,))]
            if statuses and statuses[-1] == _SERVING:
                return Reply(body=b"")
    return Reply(status=500, body=b"not serving\n")
