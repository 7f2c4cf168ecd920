"""The sockets of the agent's resolver: UDP and TCP on 15053 for the app, bounded in how much it takes on at once.

Where rules tell the proxy by mark, every socket here carries it, or questions that are passed on would come back. `forward_only` is what Envoy itself
asks there: it must learn the addresses of the world outside, not the mesh's own virtual ones.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from ostria.agent.dns import Resolver, Verdict, failure, fit_udp, matches
from ostria.agent.metrics import Metrics

log = logging.getLogger(__name__)

_MAX_AT_ONCE: Final = 256
_MAX_CONNECTIONS: Final = 64
_IDLE: Final = 10.0
_LONGEST: Final = 65535

Address = tuple[str, int]


@dataclass(slots=True, kw_only=True)
class DnsServer:
    resolver: Resolver | None
    """None: forward everything."""
    servers: Sequence[Address]
    metrics: Metrics
    mark: int = 0
    timeout: float = 5.0
    """For all resolvers together."""
    _busy: int = 0
    _connections: int = 0
    _transports: list[asyncio.BaseTransport] = field(default_factory=list)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, address: str, port: int) -> None:
        """Raise OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        udp = self._socket(address, socket.SOCK_DGRAM, port)
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        self._transports.append(transport)
        tcp = self._socket(address, socket.SOCK_STREAM, port)
        self._servers.append(await asyncio.start_server(self._connection, sock=tcp))

    def close(self) -> None:
        for transport in self._transports:
            transport.close()
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()

    def datagram(self, query: bytes, peer: Address, transport: asyncio.DatagramTransport) -> None:
        task = asyncio.get_running_loop().create_task(self._datagram(query, peer, transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _datagram(self, query: bytes, peer: Address, transport: asyncio.DatagramTransport) -> None:
        if answer := await self._answer(query, tcp=False):
            transport.sendto(fit_udp(query, answer), peer)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Questions one after the other; a connection beyond the limit is closed at once."""
        self._connections += 1
        try:
            with contextlib.suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
                while self._connections <= _MAX_CONNECTIONS:
                    async with asyncio.timeout(_IDLE):
                        query = await _read_message(reader)
                    answer = await self._answer(query, tcp=True)
                    if not answer:
                        return
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, query: bytes, *, tcp: bool) -> bytes:
        self.metrics.count("dns_requests_total")
        if self.resolver is not None:
            decision = self.resolver.decide(query)
            if decision.verdict is not Verdict.FORWARD:
                return decision.data
        if self._busy >= _MAX_AT_ONCE:
            return failure(query)
        self._busy += 1
        try:
            return await self._forward(query, tcp=tcp)
        finally:
            self._busy -= 1

    async def _forward(self, query: bytes, *, tcp: bool) -> bytes:
        """Ask each resolver in turn, over what the app used, within one time limit; the identifier is one of our own."""
        self.metrics.count("dns_upstream_requests_total")
        ours = os.urandom(2) + query[2:]
        ask = self._ask_tcp if tcp else self._ask_udp
        for server in self.servers:
            try:
                async with asyncio.timeout(self.timeout / len(self.servers)):
                    return query[:2] + (await ask(ours, server))[2:]
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                log.debug("resolver %s: %r", server, error)
        self.metrics.count("dns_upstream_failures_total")
        return failure(query)

    async def _ask_udp(self, query: bytes, server: Address) -> bytes:
        with self._socket(server[0], socket.SOCK_DGRAM) as udp:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(udp, server)
            await loop.sock_sendall(udp, query)
            while not matches(query, answer := await loop.sock_recv(udp, _LONGEST)):
                pass
            return answer

    async def _ask_tcp(self, query: bytes, server: Address) -> bytes:
        tcp = self._socket(server[0], socket.SOCK_STREAM)
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(tcp.close)
            await asyncio.get_running_loop().sock_connect(tcp, server)
            reader, writer = await asyncio.open_connection(sock=tcp)
            cleanup.pop_all()
        with contextlib.closing(writer):
            writer.write(struct.pack("!H", len(query)) + query)
            answer = await _read_message(reader)
        if not matches(query, answer):
            raise OSError("an answer to another question")
        return answer

    def _socket(self, address: str, kind: socket.SocketKind, port: int | None = None) -> socket.socket:
        """A socket of the address' family, with the mark; bound where a port is given."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        found = socket.socket(family, kind)
        try:
            found.setblocking(False)
            if self.mark:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
            if port is not None:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                found.bind((address, port))
        except OSError:
            found.close()
            raise
        return found


@dataclass(slots=True)
class _Datagrams(asyncio.DatagramProtocol):
    server: DnsServer
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own transport is one by what it does, not by its class.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self.transport is not None:
            self.server.datagram(data, addr, self.transport)


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!H", await reader.readexactly(2))
    return await reader.readexactly(length)


def addresses(servers: Sequence[str]) -> tuple[Address, ...]:
    return tuple((server, 53) for server in servers)
