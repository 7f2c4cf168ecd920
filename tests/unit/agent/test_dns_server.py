"""The resolver's sockets, with a resolver behind them that answers, lies, or is silent."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from dnslib import RCODE, RR, A, DNSRecord

from ostria.agent.dns import Resolver
from ostria.agent.dns_server import DnsServer
from ostria.agent.metrics import Metrics
from ostria.agent.name_table import Name, prepare

NAMES = prepare({"a.mesh": Name(addresses=("10.96.0.1",))}, namespace="x", domain="cluster.local", search=())
BIG = prepare({"b.mesh": Name(addresses=tuple(f"10.0.0.{i}" for i in range(60)))}, namespace="x", domain="y", search=())

Answer = Callable[[bytes], list[bytes]]


def _truth(query: bytes) -> list[bytes]:
    record = DNSRecord.parse(query)
    reply = record.reply()
    reply.add_answer(RR(record.q.qname, rdata=A("192.0.2.1")))
    return [reply.pack()]


def _lie_first(query: bytes) -> list[bytes]:
    forged = DNSRecord.question("www.example.com").reply()
    forged.add_answer(RR("www.example.com", rdata=A("203.0.113.66")))
    return [forged.pack(), *_truth(query)]


class _Upstream(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self.answer(data):
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def _resolver(answer: Answer, resolver: Resolver | None) -> AsyncIterator[tuple[int, Metrics]]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Upstream(answer), local_addr=("127.0.0.1", 0))
    metrics = Metrics()
    server = DnsServer(resolver=resolver, servers=(transport.get_extra_info("sockname"),), metrics=metrics, timeout=0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    await server.listen("127.0.0.1", port)
    try:
        yield port, metrics
    finally:
        server.close()
        transport.close()


async def _ask(port: int, name: str) -> DNSRecord:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        await loop.sock_connect(udp, ("127.0.0.1", port))
        query = DNSRecord.question(name)
        await loop.sock_sendall(udp, query.pack())
        answer = DNSRecord.parse(await asyncio.wait_for(loop.sock_recv(udp, 65535), 8))
        assert answer.header.id == query.header.id
        return answer


async def test_the_mesh_answers_first_and_the_world_after() -> None:
    async with _resolver(_truth, Resolver(names=NAMES)) as (port, metrics):
        assert str((await _ask(port, "a.mesh")).rr[0].rdata) == "10.96.0.1"
        assert str((await _ask(port, "www.example.com")).rr[0].rdata) == "192.0.2.1"
        assert metrics.value("dns_requests_total") == 2
        assert metrics.value("dns_upstream_requests_total") == 1


async def test_an_answer_that_nobody_asked_for_is_not_believed() -> None:
    async with _resolver(_lie_first, Resolver(names=NAMES)) as (port, _):
        assert str((await _ask(port, "www.example.com")).rr[0].rdata) == "192.0.2.1"


async def test_silence_becomes_servfail() -> None:
    async with _resolver(lambda _query: [], Resolver(names=NAMES)) as (port, metrics):
        assert (await _ask(port, "www.example.com")).header.rcode == RCODE.SERVFAIL
        assert metrics.value("dns_upstream_failures_total") == 1


async def test_what_envoy_asks_is_never_answered_by_the_mesh() -> None:
    async with _resolver(_truth, None) as (port, _):
        assert str((await _ask(port, "a.mesh")).rr[0].rdata) == "192.0.2.1"


async def test_a_long_answer_comes_over_tcp() -> None:
    async with _resolver(_truth, Resolver(names=BIG)) as (port, _):
        assert (await _ask(port, "b.mesh")).header.tc == 1
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        query = DNSRecord.question("b.mesh").pack()
        writer.write(struct.pack("!H", len(query)) + query)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        assert len(DNSRecord.parse(await reader.readexactly(length)).rr) == 60
        writer.close()
