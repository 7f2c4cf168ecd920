"""One Envoy that is given its HTTP routes whole, and one that is given virtual host by virtual host: what each way costs Envoy.

The discovery server and the translation are the control plane's own, in this process; only the listeners are replaced by one on a free port of
loopback that names port 80's routes, so that no traffic has to be captured. What a change leads to is translated before it is pushed: the time is that of
sending, applying and acknowledging.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from envoy.config.core.v3 import config_source_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

from benchmarks.figures import Figure
from benchmarks.generate import ControlPlane, decoded
from benchmarks.mesh import free_port
from benchmarks.one_envoy import OneEnvoy, running
from benchmarks.processes import cpu_seconds, memory_mb
from benchmarks.scenarios import NAMESPACE, SCENARIOS, route, service
from ostria.discovery.worlds import TranslatedWorld
from ostria.snapshot.view import Proxy
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS
from ostria.translate.prepared import ResourceSet, prepare

SIZES, QUICK_SIZES = (10, 1000), (10,)
CHANGES, QUICK_CHANGES = 40, 3
ROUTED = 5
"""Every so many services have a VirtualService."""
NODE = f"sidecar~10.200.0.1~load-0.{NAMESPACE}~{NAMESPACE}.svc.cluster.local"
WAYS = {"whole": False, "by virtual host": True}
PLAINTEXT = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "plaintext", "namespace": NAMESPACE},
    "spec": {"host": f"*.{NAMESPACE}.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
}
"""There is no agent here to ask for certificates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Seconds, megabytes, bytes."""

    cold_cpu: float
    cold_wall: float
    memory: float
    allocated: float
    change_wall: list[float]
    change_cpu: float
    change_bytes: float


def measure(*, quick: bool = False) -> Iterator[Figure]:
    for size in QUICK_SIZES if quick else SIZES:
        for way, vhds in WAYS.items():
            yield from _figures(f"{size:,} virtual hosts, {way}", asyncio.run(_run(size, vhds, QUICK_CHANGES if quick else CHANGES)))


def _figures(what: str, found: Found) -> Iterator[Figure]:
    walls = [round(seconds * 1000, 1) for seconds in found.change_wall]
    yield Figure(
        name=f"{what}: start, Envoy's CPU", value=round(found.cold_cpu, 2), unit="s", note=f"{found.cold_wall:.2f} s until all is applied"
    )
    yield Figure(name=f"{what}: Envoy's memory", value=found.memory, unit="MB", note=f"resident; {found.allocated:.1f} MB allocated")
    yield Figure(name=f"{what}: a change, sent until acknowledged", value=statistics.median(walls), unit="ms", seen=walls)
    yield Figure(name=f"{what}: a change, Envoy's CPU", value=round(found.change_cpu * 1000, 1), unit="ms", note="mean")
    yield Figure(name=f"{what}: a change, bytes sent", value=round(found.change_bytes), unit="B")


class OneListener(TranslatedWorld):
    """The translated world behind a listener that needs no capture."""

    port = 0

    def contents(self, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        found = super().contents(proxy, types)
        return {**found, LDS: _listeners(self.port)} if LDS in found else found


def _listeners(port: int) -> ResourceSet:
    manager = http_connection_manager_pb2.HttpConnectionManager(stat_prefix="http")
    manager.rds.route_config_name = "80"
    manager.rds.config_source.ads.SetInParent()
    manager.rds.config_source.resource_api_version = config_source_pb2.V3
    manager.http_filters.add(name="router").typed_config.Pack(router_pb2.Router())
    message = listener_pb2.Listener(name="http")
    message.address.socket_address.address, message.address.socket_address.port_value = "127.0.0.1", port
    message.filter_chains.add().filters.add(name="http").typed_config.Pack(manager)
    return ResourceSet(LDS, {"http": prepare("http", message, (), ((RDS, "80"),))})


class Plane:
    """The control plane's inside, and the worlds that it gives."""

    def __init__(self, size: int, *, vhds: bool) -> None:
        self.vhds, self.port = vhds, free_port()
        objects = [PLAINTEXT, *(each for number in range(size) for each in service(number, 2))]
        self._inside = ControlPlane(decoded([*objects, *(route(number, []) for number in range(0, size, ROUTED))]))
        self._inside.advance()

    def world(self) -> OneListener:
        """The newest, already translated."""
        claims = replace(SCENARIOS[0].proxies(0), vhds=self.vhds)
        self._inside.serve(claims, (CDS, EDS, RDS, VHDS))
        made = OneListener(self._inside.snapshot, self._inside.translator)
        made.port = self.port
        return made

    def change(self, number: int) -> OneListener:
        self._inside.advance(*decoded([route(number % 10, [], weight=number)]))
        return self.world()


async def _change(envoy: OneEnvoy, world: OneListener) -> float:
    began = time.perf_counter()
    envoy.push(world)
    await envoy.settled(world)
    return time.perf_counter() - began


async def _run(size: int, vhds: bool, changes: int) -> Found:
    began, plane = time.perf_counter(), Plane(size, vhds=vhds)
    first, metadata = plane.world(), {"VHDS": "true"} if vhds else {}
    async with running(lambda folder: OneEnvoy(first, NODE, metadata, VHDS if vhds else RDS, folder)) as envoy:
        await envoy.settled(first)
        wall = time.perf_counter() - began
        await asyncio.sleep(1)
        cold, memory, allocated = cpu_seconds(envoy.pid), memory_mb(envoy.pid)["rss"], await envoy.allocated()
        before, sent = cpu_seconds(envoy.pid), envoy.sent("rds", "vhds")
        walls = [await _change(envoy, plane.change(number)) for number in range(1, changes + 1)]
        return Found(
            cold_cpu=cold,
            cold_wall=wall,
            memory=memory,
            allocated=allocated,
            change_wall=walls,
            change_cpu=(cpu_seconds(envoy.pid) - before) / changes,
            change_bytes=(envoy.sent("rds", "vhds") - sent) / changes,
        )
