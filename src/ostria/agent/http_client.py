"""A small HTTP/1.1 client on asyncio streams: one request per connection, over TCP or a Unix socket, with limits on time and size.

It asks Envoy's admin page, apps that are probed or scraped, and other agents' control sockets.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import h11

_CHUNK: Final = 65536
Headers = Iterable[tuple[str, str]]


class HttpError(Exception):
    """No answer, or no HTTP: the text tells what happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect: a Unix socket if `path` is set. `tls` is not verified: used for probes of an app's own certificate only."""

    host: str = "127.0.0.1"
    port: int = 80
    path: str = ""
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    target: Target
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout: float = 5.0


@dataclass(slots=True, kw_only=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    chunks: AsyncIterator[bytes] = field(repr=False)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name.lower()), "")

    async def read(self, limit: int) -> bytes:
        """The body, cut at `limit` bytes."""
        found = bytearray()
        async for chunk in self.chunks:
            found += chunk
            if len(found) >= limit:
                break
        return bytes(found[:limit])


@asynccontextmanager
async def fetch(request: Request) -> AsyncIterator[Response]:
    """Raise HttpError where there is no answer in time; the timeout covers everything until the block ends."""
    writer = None
    try:
        async with asyncio.timeout(request.timeout):
            reader, writer = await _connect(request.target)
            yield await _ask(request, reader, writer)
    except TimeoutError:
        raise HttpError(f"no answer within {request.timeout:g} s") from None
    except (OSError, EOFError, h11.RemoteProtocolError) as error:
        raise HttpError(str(error) or type(error).__name__) from error
    finally:
        if writer is not None:
            writer.close()


async def get(target: Target, path: str, *, timeout: float = 5.0, limit: int = 1 << 20) -> tuple[int, bytes]:
    async with fetch(Request(target=target, path=path, timeout=timeout)) as response:
        return response.status, await response.read(limit)


async def post(target: Target, path: str, *, timeout: float = 5.0) -> tuple[int, bytes]:
    async with fetch(Request(target=target, path=path, method="POST", timeout=timeout)) as response:
        return response.status, await response.read(1 << 16)


async def _connect(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.path:
        return await asyncio.open_unix_connection(target.path)
    return await asyncio.open_connection(target.host, target.port, ssl=_unverified() if target.tls else None)


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _ask(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Response:
    connection = h11.Connection(h11.CLIENT)
    headers = [*request.headers, ("Connection", "close"), ("Content-Length", str(len(request.body)))]
    if not any(name.lower() == "host" for name, _ in headers):
        headers.insert(0, ("Host", _host(request.target)))
    writer.write(_sent(connection, h11.Request(method=request.method, target=request.path, headers=headers)))
    if request.body:
        writer.write(_sent(connection, h11.Data(data=request.body)))
    writer.write(_sent(connection, h11.EndOfMessage()))
    await writer.drain()
    while not isinstance(event := await _event(connection, reader), h11.Response):
        if isinstance(event, h11.ConnectionClosed):
            raise EOFError("connection closed without an answer")
    named = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in event.headers]
    return Response(status=event.status_code, headers=named, chunks=_body(connection, reader))


def _host(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return "localhost" if target.path else f"{host}:{target.port}"


def _sent(connection: h11.Connection, event: h11.Request | h11.Data | h11.EndOfMessage) -> bytes:
    return connection.send(event) or b""


async def _event(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Event):
            return event
        else:
            return h11.ConnectionClosed()


async def _body(connection: h11.Connection, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        event = await _event(connection, reader)
        if isinstance(event, h11.Data):
            yield bytes(event.data)
        else:
            return
