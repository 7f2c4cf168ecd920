"""One Envoy that is given all that it may call, and one that discovers it on demand: what each holds, and what the first call to a service costs.

1,000 services in 20 namespaces, all in one app on loopback; the proxy stands in one of these namespaces and calls 20 services of the others. Nothing is
captured: requests go to the listener for clients that are told to use a proxy, as `ostria up --no-capture` has it.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.figures import Figure
from benchmarks.generate import ControlPlane, decoded
from benchmarks.mesh import free_port
from benchmarks.one_envoy import OneEnvoy, running
from benchmarks.processes import cpu_seconds, memory_mb
from benchmarks.scenarios import Json
from ostria.discovery.worlds import TranslatedWorld
from ostria.snapshot.view import Proxy, ProxyType
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS

SERVICES, QUICK_SERVICES = 1000, 60
NAMESPACES = 20
ENDPOINTS = 10
CALLED = 20
AGAIN = 5
"""How often each is called after the first time."""
PORT = 80
HOME = "load-0"
WAYS = {"all at once": False, "on demand": True}
TYPES = ("cds", "eds", "lds", "rds", "vhds")
_CREATED = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Seconds, megabytes, bytes."""

    start_cpu: float
    start_wall: float
    start_bytes: float
    allocated: tuple[float, float]
    """Before and after the calls."""
    resident: tuple[float, float]
    first: list[float]
    later: list[float]
    unused_change: tuple[float, float]
    """Bytes, and Envoy's CPU, for a changed VirtualService of a service that is not called."""


def measure(*, quick: bool = False) -> Iterator[Figure]:
    services = QUICK_SERVICES if quick else SERVICES
    for way, on_demand in WAYS.items():
        yield from _figures(f"{services:,} services, {way}", asyncio.run(_run(services, on_demand=on_demand)))


def _figures(what: str, found: Found) -> Iterator[Figure]:
    first, later = ([round(seconds * 1000, 2) for seconds in times] for times in (found.first, found.later))
    yield Figure(
        name=f"{what}: start, Envoy's CPU", value=round(found.start_cpu, 2), unit="s", note=f"{found.start_wall:.2f} s until all is applied"
    )
    yield Figure(name=f"{what}: start, bytes sent", value=round(found.start_bytes / 1000), unit="KB")
    for when, allocated, resident in zip(
        ("after the start", f"after calls to {CALLED} services"), found.allocated, found.resident, strict=True
    ):
        yield Figure(
            name=f"{what}: Envoy's memory {when}", value=round(allocated, 1), unit="MB", note=f"allocated; {resident:.0f} MB resident"
        )
    yield Figure(
        name=f"{what}: first call to a service", value=statistics.median(first), unit="ms", note=f"most {max(first)} ms", seen=first
    )
    yield Figure(
        name=f"{what}: later calls", value=statistics.median(later), unit="ms", note=f"{len(later)} measured, most {max(later)} ms"
    )
    size, cpu = found.unused_change
    yield Figure(
        name=f"{what}: a VirtualService changes that it does not use", value=round(size), unit="B", note=f"Envoy's CPU {cpu * 1000:.1f} ms"
    )


def host(number: int) -> str:
    return f"svc-{number}.{_namespace(number)}.svc.cluster.local"


def _namespace(number: int) -> str:
    return f"load-{number % NAMESPACES}"


def _object(kind: str, number: int, spec: Json, group: str = "networking.istio.io/v1") -> Json:
    metadata = {"name": f"svc-{number}", "namespace": _namespace(number), "creationTimestamp": _CREATED}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


def _entry(number: int, app: int) -> Json:
    """Endpoints are the same app on addresses of loopback."""
    endpoints = [{"address": f"127.0.0.{n + 1}", "ports": {"http": app}, "labels": {"version": f"v{n % 3 + 1}"}} for n in range(ENDPOINTS)]
    ports = [{"number": PORT, "name": "http", "protocol": "HTTP"}]
    spec = {"hosts": [host(number)], "ports": ports, "location": "MESH_INTERNAL", "resolution": "STATIC", "endpoints": endpoints}
    return _object("ServiceEntry", number, spec)


def _rule(number: int) -> Json:
    subsets = [{"name": f"v{n}", "labels": {"version": f"v{n}"}} for n in (1, 2, 3)]
    return _object("DestinationRule", number, {"host": host(number), "subsets": subsets, "trafficPolicy": {"tls": {"mode": "DISABLE"}}})


def _route(number: int, weight: int = 90) -> Json:
    split = [(1, weight), (2, 100 - weight)]
    route = [{"destination": {"host": host(number), "subset": f"v{n}"}, "weight": share} for n, share in split]
    return _object("VirtualService", number, {"hosts": [host(number)], "http": [{"route": route}]})


class Plane:
    def __init__(self, services: int, app: int, *, on_demand: bool) -> None:
        self.port = free_port()
        self.claims = Proxy(
            id=f"sidecar~127.0.0.1~caller.{HOME}~{HOME}.svc.cluster.local",
            type=ProxyType.SIDECAR,
            namespace=HOME,
            name="caller",
            addresses=("127.0.0.1",),
            dns_domain=f"{HOME}.svc.cluster.local",
            labels={},
            service_account="",
            captured=False,
            http_proxy_port=self.port,
            vhds=True,
            on_demand=on_demand,
        )
        makers = [_entry(number, app) for number in range(services)] + [_rule(number) for number in range(services)]
        self._inside = ControlPlane(decoded([*makers, *(_route(number) for number in range(0, services, 5))]))
        self._inside.advance()

    @property
    def metadata(self) -> dict[str, str]:
        flags = {"VHDS": "true", "INTERCEPTION_MODE": "NONE", "HTTP_PROXY_PORT": str(self.port)}
        return {**flags, "ON_DEMAND": "true"} if self.claims.on_demand else flags

    def world(self) -> TranslatedWorld:
        """The newest, already translated."""
        self._inside.serve(self.claims, (CDS, EDS, LDS, RDS, VHDS))
        return TranslatedWorld(self._inside.snapshot, self._inside.translator)

    def change(self, number: int) -> TranslatedWorld:
        self._inside.advance(*decoded([_route(number, weight=50)]))
        return self.world()


@asynccontextmanager
async def _app() -> AsyncIterator[int]:
    """Answers every request on the first addresses of loopback."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    port = free_port()
    server = await asyncio.start_server(answer, [f"127.0.0.{n + 1}" for n in range(ENDPOINTS)], port)
    async with server:
        yield port


async def _call(port: int, number: int) -> float:
    """Over a new connection; the app must have answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    writer.write(f"GET http://{host(number)}/ HTTP/1.1\r\nhost: {host(number)}\r\nconnection: close\r\n\r\n".encode())
    said = await reader.readuntil(b"\r\n")
    took = time.perf_counter() - began
    writer.close()
    if b" 200 " not in said:
        raise RuntimeError(f"{host(number)} answers {said!r}")
    return took


async def _run(services: int, *, on_demand: bool) -> Found:
    async with _app() as app:
        plane = Plane(services, app, on_demand=on_demand)
        first, began = plane.world(), time.perf_counter()
        async with running(lambda folder: OneEnvoy(first, plane.claims.id, plane.metadata, VHDS, folder)) as envoy:
            await envoy.settled(first)
            wall, cpu, sent = time.perf_counter() - began, cpu_seconds(envoy.pid), envoy.sent(*TYPES)
            await asyncio.sleep(1)
            before = await envoy.allocated(), memory_mb(envoy.pid)["rss"]
            called = [number for number in range(services) if number % NAMESPACES][:CALLED]
            firsts = [await _call(plane.port, number) for number in called]
            laters = [await _call(plane.port, number) for _ in range(AGAIN) for number in called]
            await asyncio.sleep(1)
            after = await envoy.allocated(), memory_mb(envoy.pid)["rss"]
            unused = next(
                number for number in range(services - 1, 0, -1) if number % 5 == 0 and number % NAMESPACES and number not in called
            )
            so_far, used, changed = envoy.sent(*TYPES), cpu_seconds(envoy.pid), plane.change(unused)
            envoy.push(changed)
            await envoy.settled(changed)
            await asyncio.sleep(0.5)
            return Found(
                start_cpu=cpu,
                start_wall=wall,
                start_bytes=sent,
                allocated=(before[0], after[0]),
                resident=(before[1], after[1]),
                first=firsts,
                later=laters,
                unused_change=(envoy.sent(*TYPES) - so_far, cpu_seconds(envoy.pid) - used),
            )
