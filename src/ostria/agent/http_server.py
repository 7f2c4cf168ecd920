"""A small HTTP/1.1 server on asyncio streams, with limits on connections, sizes and waiting: probes and scrapes come from anywhere.

A handler takes a `ServerRequest` and gives a `Reply`; where the caller is known to be on this machine, `local` says so.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

import h11

log = logging.getLogger(__name__)

_MAX_CONNECTIONS: Final = 256
_MAX_HEAD: Final = 16_384
_MAX_BODY: Final = 65_536
_IDLE: Final = 60.0
_WRITE: Final = 30.0
_CHUNK: Final = 65_536
_ENVOY_INBOUND: Final = ("127.0.0.6", "::6")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """`target` is path and query as they came; `local` is true for callers on loopback or on the Unix socket, `socket` for the latter only."""

    method: str
    target: str
    headers: dict[str, str]
    local: bool
    socket: bool = False

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def query(self, name: str) -> str:
        return parse_qs(urlsplit(self.target).query).get(name, [""])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`chunks` is a body that is made while it is sent."""

    status: int = 200
    body: bytes = b""
    chunks: AsyncGenerator[bytes, None] | None = None
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[ServerRequest], Awaitable[Reply]]


@dataclass(slots=True)
class HttpServer:
    handler: Handler
    _open: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)

    async def listen(self, address: str, port: int) -> None:
        self._servers.append(await asyncio.start_server(self._connection, address, port, limit=_CHUNK))

    async def listen_unix(self, path: str) -> None:
        self._servers.append(await asyncio.start_unix_server(self._connection, path, limit=_CHUNK))

    def close(self) -> None:
        for server in self._servers:
            server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _MAX_CONNECTIONS:
                with contextlib.suppress(OSError, EOFError, TimeoutError, h11.LocalProtocolError):
                    await _Connection(reader, writer, self.handler).run()
        finally:
            self._open -= 1
            writer.close()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)

    async def run(self) -> None:
        try:
            while await self._one():
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await self._send(Reply(status=error.error_status_hint, body=b"bad request\n"), close=True)

    async def _one(self) -> bool:
        """Serve one request; false when the connection is over."""
        async with asyncio.timeout(_IDLE):
            head = await self._event()
            if not isinstance(head, h11.Request):
                return False
            size = await self._skip_body()
        if size > _MAX_BODY:
            await self._send(Reply(status=413, body=b"request too large\n"), close=True)
            return False
        request = self._request(head)
        await self._send(await self._reply(request))
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _reply(self, request: ServerRequest) -> Reply:
        try:
            return await self._handler(request)
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return Reply(status=500, body=b"internal error\n")

    async def _skip_body(self) -> int:
        """No handler reads one: count it and let it go."""
        size = 0
        while isinstance(event := await self._event(), h11.Data) and size <= _MAX_BODY:
            size += len(event.data)
        return size

    def _request(self, head: h11.Request) -> ServerRequest:
        peer = self._writer.get_extra_info("peername")
        unix = not isinstance(peer, tuple)
        return ServerRequest(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii", errors="replace"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
            local=unix or _is_loopback(peer[0]),
            socket=unix,
        )

    async def _send(self, reply: Reply, *, close: bool = False) -> None:
        headers = [("Content-Type", reply.content_type), *reply.headers]
        if reply.chunks is None:
            headers.append(("Content-Length", str(len(reply.body))))
        if close:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(reply.status).phrase if reply.status in HTTPStatus._value2member_map_ else ""
        await self._write(h11.Response(status_code=reply.status, headers=headers, reason=reason))
        if reply.chunks is None:
            await self._write(h11.Data(data=reply.body))
        else:
            async with contextlib.aclosing(reply.chunks) as chunks:
                async for chunk in chunks:
                    await self._write(h11.Data(data=chunk))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event) or b"")
        async with asyncio.timeout(_WRITE):
            await self._writer.drain()

    async def _event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Event):
                return event
            else:
                return h11.ConnectionClosed()


def _is_loopback(host: str) -> bool:
    """On this machine and not Envoy's inbound side, which speaks for callers from anywhere."""
    if host.endswith(_ENVOY_INBOUND):
        return False
    address = ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
