"""What a change costs for each proxy in calls of our own functions: gRPC is replaced by nothing, so that no machine's mood changes the figures.

Calls are counted by cProfile in the event loop and in the world's thread, those only of functions that stand in `ostria`; some depend on which proxies are
answered in one visit to the world's thread, so the last digit moves.
"""

import asyncio
import cProfile
import pstats
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2 as d

import ostria
from benchmarks.figures import Figure
from benchmarks.generate import ControlPlane, decoded
from benchmarks.scenarios import NAMESPACE, Json, route, service
from ostria.discovery.metrics import Metrics
from ostria.discovery.pushes import Pushes
from ostria.discovery.server.ads import AggregatedDiscovery
from ostria.discovery.server.calls import nobody
from ostria.discovery.server.gate import SendGate
from ostria.discovery.server.limits import Limits
from ostria.discovery.server.push import Pusher
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.worlds import TranslatedWorld
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS

PROXIES, QUICK_PROXIES = 200, 10
SERVICES, QUICK_SERVICES = 1000, 10
ROUTES = "80"
OURS = str(Path(ostria.__file__).parent)
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    change: Json
    vhds: bool = False
    reaches: bool = True


def measure(*, quick: bool = False) -> Iterator[Figure]:
    cases = (
        Case(name="an endpoint", change=list(service(0, 2, 1))[-1]),
        Case(name="a VirtualService, routes whole", change=route(0, [], 1)),
        Case(name="a VirtualService, virtual hosts one by one", change=route(0, [], 1), vhds=True),
        Case(name="a VirtualService that they don't see", change=_hidden(1), reaches=False),
    )
    for case in cases:
        proxies, services = (QUICK_PROXIES, QUICK_SERVICES) if quick else (PROXIES, SERVICES)
        loop, world = asyncio.run(_run(case, proxies, services))
        note = f"{loop / proxies:.0f} in the event loop; {world:,} in the world's thread for all {proxies}"
        yield Figure(name=f"{case.name}: for each proxy", value=round((loop + world) / proxies), unit="calls", note=note)


def _hidden(value: int) -> Json:
    """A VirtualService that no proxy of these sees."""
    found = route(1, [], value)
    found["spec"]["exportTo"] = ["elsewhere"]
    return found


async def _run(case: Case, proxies: int, services: int) -> tuple[int, int]:
    """Calls in the event loop and in the world's thread."""
    objects = [each for number in range(services) for each in service(number, 2)]
    plane = ControlPlane(decoded([*objects, route(0, []), _hidden(0)]))
    plane.advance()
    async with _serving(TranslatedWorld(plane.snapshot, plane.translator)) as server:
        players = [Player(server, number, vhds=case.vhds) for number in range(proxies)]
        try:
            await server.settled(players)
            plane.advance(*decoded([case.change]))
            received = sum(player.received for player in players)
            counted = await server.told(TranslatedWorld(plane.snapshot, plane.translator), players)
            if sum(player.received for player in players) - received != (proxies if case.reaches else 0):
                raise RuntimeError(f"{case.name}: the change reached others than it should")
            return counted
        finally:
            for player in players:
                await player.close()


class Server:
    """The discovery server from its gRPC handler inwards."""

    def __init__(self, world: TranslatedWorld) -> None:
        self.thread = WorldThread()
        self.pusher = Pusher(world, self.thread, Metrics("benchmark"), Pushes(), streams_per_proxy=1)
        limits = Limits()
        self.handler = AggregatedDiscovery(self.pusher, self.thread, SendGate(limits), limits, nobody, lambda *_: None)

    async def settled(self, players: Iterable["Player"]) -> None:
        """Until every proxy holds the newest world, acknowledged."""
        async with asyncio.timeout(PATIENCE):
            while not all(player.complete for player in players) or not self._at_rest():
                await asyncio.sleep(0.05)

    def _at_rest(self) -> bool:
        return all(each.world is self.pusher.world and each.stream.settled for each in self.pusher.connections.values())

    async def told(self, world: TranslatedWorld, players: Sequence["Player"]) -> tuple[int, int]:
        loop, inside = cProfile.Profile(), cProfile.Profile()
        await self.thread.run(inside.enable)
        loop.enable()
        self.pusher.push(world, time.monotonic())
        loop.disable()
        while not self._at_rest():
            loop.enable()
            await asyncio.sleep(0.01)
            loop.disable()
        await self.thread.run(inside.disable)
        await self.settled(players)
        return _ours(loop), _ours(inside)


def _ours(profile: cProfile.Profile) -> int:
    stats: Any = pstats.Stats(profile)
    return sum(calls for (file, _, _), (_, calls, *_) in stats.stats.items() if file.startswith(OURS))


@asynccontextmanager
async def _serving(world: TranslatedWorld) -> AsyncIterator[Server]:
    server = Server(world)
    queue = asyncio.create_task(server.pusher.run())
    try:
        yield server
    finally:
        queue.cancel()
        server.thread.close()


class Player:
    """One proxy, which is also the handler's context: it acknowledges all that it is sent, at once."""

    def __init__(self, server: Server, number: int, *, vhds: bool) -> None:
        self._name, self._vhds = f"load-{number}", vhds
        self._requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._asked: set[str] = set()
        self.received = 0
        self._ask(CDS, node=self._node(number))
        self._ask(LDS)
        self._handler = asyncio.create_task(server.handler.delta(self._sends(), self))

    @property
    def complete(self) -> bool:
        if self._handler.done():
            self._handler.result()
            raise RuntimeError(f"the stream of {self._name} has ended")
        return self._asked == {CDS, EDS, LDS, RDS} | ({VHDS} if self._vhds else set())

    def _node(self, number: int) -> base_pb2.Node:
        node = base_pb2.Node(id=f"sidecar~10.200.{number // 250}.{number % 250 + 1}~{self._name}.{NAMESPACE}~{NAMESPACE}.svc.cluster.local")
        node.metadata.update({"NAMESPACE": NAMESPACE, **({"VHDS": "true"} if self._vhds else {})})
        return node

    def _ask(self, type_url: str, *names: str, node: base_pb2.Node | None = None) -> None:
        self._asked.add(type_url)
        self._send(d.DeltaDiscoveryRequest(node=node, type_url=type_url, resource_names_subscribe=names))

    def _send(self, request: d.DeltaDiscoveryRequest) -> None:
        self._requests.put_nowait(request.SerializeToString())

    async def _sends(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._requests.get()

    def peer(self) -> str:
        return self._name

    async def write(self, data: bytes) -> None:
        response = d.DeltaDiscoveryResponse.FromString(data)
        self.received += 1
        self._send(d.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))
        if response.type_url == CDS and EDS not in self._asked:
            self._ask(EDS, *(each.name for each in response.resources if each.name.startswith("outbound|")))
        if response.type_url == LDS and RDS not in self._asked:
            self._ask(RDS, ROUTES)
        if self._vhds and response.type_url == RDS and VHDS not in self._asked:
            self._ask(VHDS)

    async def close(self) -> None:
        self._handler.cancel()
        await asyncio.gather(self._handler, return_exceptions=True)
