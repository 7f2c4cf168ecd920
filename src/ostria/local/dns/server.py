"""The mesh's DNS server: the cluster's names from memory, every other name from the machine's own resolver.

The questions to the outside leave by sockets that were opened on the host before the mesh had its own network: a socket stays in the namespace it was made in.
"""

import asyncio
import logging
import secrets
import socket
import struct
from collections.abc import Sequence

from dnslib import RCODE, DNSError, DNSRecord

from ostria.local.dns.cluster import Names, answer

log = logging.getLogger(__name__)

_PATIENCE = 2.0
_ROUNDS = 2


class Outside:
    """Asks the machine's resolvers, one after the other. `sockets` are unconnected UDP sockets of the host, one per address family."""

    def __init__(self, sockets: Sequence[socket.socket], servers: Sequence[str], hosts: dict[str, tuple[str, ...]]) -> None:
        self._sockets = {each.family: each for each in sockets}
        self._servers = tuple(servers)
        self.hosts = hosts
        self._waiting: dict[tuple[int, str], asyncio.Future[bytes]] = {}
        for each in sockets:
            each.setblocking(False)
            asyncio.get_running_loop().add_reader(each, self._receive, each)

    async def ask(self, query: bytes) -> bytes | None:
        """The reply with the caller's own id, or None when nobody answers. Cut answers are asked for again over TCP."""
        for server in self._servers * _ROUNDS:
            reply = await self._once(query, server)
            if reply is not None:
                if reply[2] & 2:
                    reply = await self._by_stream(query, server) or reply
                return query[:2] + reply[2:]
        return None

    async def _once(self, query: bytes, server: str) -> bytes | None:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        if family not in self._sockets:
            return None
        number = secrets.randbelow(1 << 16)
        key = (number, server)
        future = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            self._sockets[family].sendto(struct.pack(">H", number) + query[2:], (server, 53))
            return await asyncio.wait_for(future, _PATIENCE)
        except (TimeoutError, OSError):
            return None
        finally:
            self._waiting.pop(key, None)

    async def _by_stream(self, query: bytes, server: str) -> bytes | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(server, 53)
                writer.write(struct.pack(">H", len(query)) + query)
                (size,) = struct.unpack(">H", await reader.readexactly(2))
                reply = await reader.readexactly(size)
                writer.close()
                return reply
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return None

    def _receive(self, source: socket.socket) -> None:
        try:
            data, peer = source.recvfrom(65535)
        except OSError:
            return
        if len(data) >= 12:
            future = self._waiting.get((struct.unpack(">H", data[:2])[0], peer[0]))
            if future is not None and not future.done():
                future.set_result(data)


class DnsServer:
    """`names` is replaced whole whenever services or endpoints change."""

    def __init__(self, outside: Outside) -> None:
        self.names = Names()
        self._outside = outside
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, address: str) -> None:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        datagrams = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        datagrams.bind((address, 53))
        loop.add_reader(datagrams, self._datagram, datagrams)
        await asyncio.start_server(self._stream, address, 53)

    async def resolve(self, data: bytes) -> bytes | None:
        try:
            query = DNSRecord.parse(data)
            reply = answer(query, self.names) if query.questions else None
        except (DNSError, ValueError):
            return None
        if reply is None:
            return await self._elsewhere(query, data)
        if reply.rr and reply.rr[0].rtype == 5:
            return await self._followed(query, reply)
        return bytes(reply.pack())

    async def _elsewhere(self, query: DNSRecord, data: bytes) -> bytes:
        local = answer_from_hosts(query, self._outside.hosts)
        if local is not None:
            return bytes(local.pack())
        found = await self._outside.ask(data)
        if found is not None:
            return found
        failed = query.reply(ra=1, aa=0)
        failed.header.rcode = RCODE.SERVFAIL
        return bytes(failed.pack())

    async def _followed(self, query: DNSRecord, reply: DNSRecord) -> bytes:
        """An ExternalName: what its target resolves to, behind the alias."""
        target = DNSRecord.question(str(reply.rr[0].rdata), query.q.qtype and str(_type_name(query.q.qtype)))
        found = await self.resolve(bytes(target.pack()))
        if found is not None:
            reply.add_answer(*DNSRecord.parse(found).rr)
        return bytes(reply.pack())

    def _datagram(self, source: socket.socket) -> None:
        try:
            data, peer = source.recvfrom(65535)
        except OSError:
            return
        task = asyncio.get_running_loop().create_task(self._reply(source, data, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, source: socket.socket, data: bytes, peer: tuple[str, int]) -> None:
        reply = await self.resolve(data)
        if reply is not None:
            try:
                source.sendto(reply, peer)
            except OSError as error:
                log.debug("DNS reply to %s: %s", peer, error)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
                reply = await self.resolve(await reader.readexactly(size))
                if reply is None:
                    return
                writer.write(struct.pack(">H", len(reply)) + reply)
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            writer.close()


def _type_name(kind: int) -> str:
    return {1: "A", 28: "AAAA"}.get(kind, "A")


def answer_from_hosts(query: DNSRecord, hosts: dict[str, tuple[str, ...]]) -> DNSRecord | None:
    """What the machine's /etc/hosts says."""
    from dnslib import AAAA, QTYPE, RR, A

    name = str(query.q.qname).rstrip(".").lower()
    if name not in hosts or query.q.qtype not in (QTYPE.A, QTYPE.AAAA):
        return None
    reply = query.reply(ra=1, aa=0)
    for address in hosts[name]:
        if (":" in address) == (query.q.qtype == QTYPE.AAAA):
            reply.add_answer(RR(name, query.q.qtype, rdata=(AAAA if ":" in address else A)(address), ttl=5))
    return reply
