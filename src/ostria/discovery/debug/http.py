"""A small HTTP/1.1 server for pages that are looked at now and then: GET only, short requests, bounded in number and in time."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

import h11

from ostria.discovery.server.listen import CannotListen, every_address

log = logging.getLogger(__name__)

_IDLE = 30.0
_MOST_CONNECTIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    local: bool = False
    """The peer is this machine, through a loopback address or a Unix socket."""
    peer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "application/json"


Handler = Callable[[Request], Awaitable[Reply]]


def text(body: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(body=body.encode(), status=status, content_type="text/plain; charset=utf-8")


class HttpServer:
    """`address`: HOST:PORT, :PORT (every address) or unix:PATH."""

    def __init__(self, address: str, handler: Handler) -> None:
        self._address, self._handler = address, handler
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Raise CannotListen."""
        try:
            self._server = await self._listen()
        except OSError as problem:
            raise CannotListen(f"cannot listen on {self._address}: {problem.strerror or problem}") from problem

    async def _listen(self) -> asyncio.Server:
        if self._address.startswith("unix:"):
            path = self._address.removeprefix("unix:")
            server = await asyncio.start_unix_server(self._accept, path)
            os.chmod(path, 0o600)
            return server
        host, _, port = every_address(self._address).rpartition(":")
        server = await asyncio.start_server(self._accept, host.strip("[]"), int(port))
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio runs this as a task
        if len(self._open) >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        try:
            await self._converse(reader, writer)
        except (TimeoutError, ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass  # this task is the connection's own: it ends with it
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=16 << 10)
        while True:
            async with asyncio.timeout(_IDLE):
                request = await self._read(connection, reader, writer)
            if request is None:
                return
            reply = await self._answer(request)
            async with asyncio.timeout(_IDLE):
                await self._write(connection, writer, reply)
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _read(self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
        """The next request; None when the peer is done. A body is not read: it ends the connection after the answer."""
        found: Request | None = None
        while True:
            match connection.next_event():
                case h11.Request() as head:
                    found = _request(head, writer)
                    if any((name == b"content-length" and value != b"0") or name == b"transfer-encoding" for name, value in head.headers):
                        return found
                case h11.EndOfMessage():
                    return found
                case h11.ConnectionClosed() | h11.PAUSED:
                    return None
                case h11.NEED_DATA:
                    connection.receive_data(await reader.read(16 << 10))
                case _:
                    pass

    async def _answer(self, request: Request) -> Reply:
        try:
            return await self._handler(request)
        except Exception:
            log.exception("the page %s could not be made", request.path)
            return text("internal error\n", HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _write(self, connection: h11.Connection, writer: asyncio.StreamWriter, reply: Reply) -> None:
        headers = [("content-type", reply.content_type), ("content-length", str(len(reply.body))), ("x-content-type-options", "nosniff")]
        head = connection.send(h11.Response(status_code=reply.status, reason=reply.status.phrase, headers=headers)) or b""
        body = connection.send(h11.Data(data=reply.body)) or b"" if connection.their_state is not h11.ERROR else b""
        writer.write(head + body + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()


def _request(head: h11.Request, writer: asyncio.StreamWriter) -> Request:
    target = urlsplit(head.target.decode("latin-1"))
    peer = writer.get_extra_info("peername")
    return Request(
        path=target.path,
        query={name: values[-1] for name, values in parse_qs(target.query, keep_blank_values=True, max_num_fields=20).items()},
        headers={name.decode().lower(): value.decode("latin-1") for name, value in head.headers},
        local=_is_local(peer),
        peer=str(peer[0]) if isinstance(peer, tuple) else "unix",
    )


def _is_local(peer: object) -> bool:
    if not isinstance(peer, tuple):
        return True
    try:
        address = ip_address(str(peer[0]))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
