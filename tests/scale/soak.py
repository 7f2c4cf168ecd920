"""Hours in minutes: a control plane under steady change, and at the end the question whether anything was lost or kept.

    python -m tests.scale.soak --minutes 30 --proxies 200

Endpoints change 20 times a second, VirtualServices once, and once a second a proxy loses its stream and returns, every second one knowing what it has. A third
of the proxies take their routes whole, a third virtual host by virtual host, and a third discover on demand: twice a second one of these calls somebody.
At the end every proxy must hold what one that connects anew is given, name by name and version by version; nothing may have been sent to a
proxy that had it; and memory must be where it was after the warm-up. Prints one JSON object.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from envoy.config.core.v3 import base_pb2
from tests.scale.control_plane import ControlPlane, Quiet, control_plane
from tests.scale.proxy import TYPES, Proxy, References
from tests.scale.world import Town, host, namespace, pod_address

WAYS = ({}, {"VHDS": "true"}, {"VHDS": "true", "ON_DEMAND": "true"})
"""How proxies take their routes, in turn: node metadata."""
ON_DEMAND = 2
_SAMPLES = 60
"""Points of the memory curve."""


@dataclass
class Report:
    """What happened. `lost` names resources of proxies that differ from what a new proxy gets; `grown` compares late with early memory, 0.05 is 5 %."""

    proxies: int
    services: int
    minutes: float
    endpoint_changes: int = 0
    route_changes: int = 0
    reconnects: int = 0
    calls: int = 0
    """By proxies that discover on demand."""
    remembered: int = 0
    """Reconnects that said what they had."""
    messages: int = 0
    resources: int = 0
    """Per proxy, at the end."""
    repeats: int = 0
    broken: int = 0
    lost: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refusals: float = 0
    internal_errors: float = 0
    cpu_seconds: float = 0
    memory_mb: list[tuple[int, float]] = field(default_factory=list)
    """(seconds, MB)."""
    grown: float = 0


class Soak:
    def __init__(self, plane: ControlPlane, town: Town, report: Report, random: Random) -> None:
        self.plane, self.town, self.report, self.random = plane, town, report, random
        self.quiet, self.references = Quiet(), References()
        self.proxies = [self._proxy(number) for number in range(report.proxies)]
        self._ends = 0.0

    def _proxy(self, number: int) -> Proxy:
        return Proxy(self.plane.target, node(number, self.town.services), self.references, self.quiet.heard)

    async def run(self) -> None:
        for proxy in self.proxies:
            proxy.connect(remember=False)
        await until(lambda: all(proxy.complete for proxy in self.proxies), 120)
        self._ends = time.monotonic() + self.report.minutes * 60
        await asyncio.gather(
            self._every(1 / 20, self._change_endpoints),
            self._every(1, self._change_route),
            self._every(1, self._reconnect),
            self._every(1 / 2, self._call),
            self._every(self.report.minutes * 60 / _SAMPLES, self._sample),
        )
        await self.quiet(5)
        await self._judge()

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        """At a steady rate: what comes late is made up for."""
        due = time.monotonic()
        while due < self._ends:
            await act()
            due += seconds
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _change_endpoints(self) -> None:
        self.town.change_endpoints()
        self.report.endpoint_changes += 1

    async def _change_route(self) -> None:
        self.town.change_route()
        self.report.route_changes += 1

    async def _reconnect(self) -> None:
        proxy = self.random.choice(self.proxies)
        await proxy.disconnect()
        remember = self.report.reconnects % 2 == 0
        self.report.reconnects += 1
        self.report.remembered += remember
        proxy.connect(remember=remember)

    async def _call(self) -> None:
        """A service of any namespace, or a host that nobody knows."""
        proxy = self.random.choice(self.proxies[ON_DEMAND :: len(WAYS)])
        stranger = f"host-{self.random.randrange(20)}.example"
        called = stranger if self.random.random() < 0.1 else host(self.random.randrange(self.town.services))
        await proxy.call(f"9080/{called}:9080")
        self.report.calls += 1

    async def _sample(self) -> None:
        gone = round(time.monotonic() - self._ends + self.report.minutes * 60)
        self.report.memory_mb.append((gone, round(self.plane.memory(), 1)))
        faults = [repr(proxy.fault) for proxy in self.proxies if proxy.fault is not None]
        assert not faults, faults[:3]

    async def _judge(self) -> None:
        report = self.report
        report.messages = sum(proxy.messages for proxy in self.proxies)
        report.repeats = sum(proxy.repeats for proxy in self.proxies)
        report.broken = sum(proxy.broken for proxy in self.proxies)
        report.resources = sum(len(self.proxies[-1].held[kind]) for kind in TYPES)
        for number, proxy in enumerate(self.proxies):
            report.lost += await self._differences(number, proxy)
        report.cpu_seconds = round(self.plane.cpu(), 1)
        report.complaints = self.plane.complaints()
        report.internal_errors = await asyncio.to_thread(self.plane.metric, "pilot_total_xds_internal_errors_total")
        report.refusals = await asyncio.to_thread(self.plane.metric, "pilot_total_xds_rejects_total")
        report.grown = grown([megabytes for _, megabytes in report.memory_mb])

    async def _differences(self, number: int, proxy: Proxy) -> list[str]:
        fresh = self._proxy(number)
        fresh.called = set(proxy.called)
        fresh.connect(remember=False)
        await until(lambda: fresh.complete, 60)
        await fresh.disconnect()
        await proxy.disconnect()
        return [
            f"{proxy.node.id} {kind.rpartition('.')[2]} {name}: has {mine}, a new proxy {its}"
            for kind in TYPES
            for name in sorted(proxy.held[kind].keys() | fresh.held[kind].keys())
            if (mine := proxy.held[kind].get(name)) != (its := fresh.held[kind].get(name))
        ]


def node(number: int, services: int) -> base_pb2.Node:
    service, address = number % services, pod_address(number)
    name, where = f"svc-{service}-{number}", namespace(service)
    made = base_pb2.Node(id=f"sidecar~{address}~{name}.{where}~{where}.svc.cluster.local", cluster=f"svc-{service}.{where}")
    labels = {"app": f"svc-{service}", "version": f"v{number % 2 + 1}"}
    made.metadata.update({"NAMESPACE": where, "NAME": name, "INSTANCE_IPS": address, "ISTIO_VERSION": "1.30.0", "LABELS": labels})
    made.metadata.update(WAYS[number % len(WAYS)])
    return made


def grown(samples: list[float]) -> float:
    """How much higher the last quarter lies than the third. The first half is warm-up: so long do the heap and what is kept of old keys take to settle."""
    quarter = len(samples) // 4
    early, late = statistics.median(samples[-2 * quarter : -quarter]), statistics.median(samples[-quarter:])
    return round(late / early - 1, 4)


async def until(holds: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not come to hold in time"
        await asyncio.sleep(0.05)


async def soak(folder: Path, *, minutes: float, proxies: int, services: int, seed: int = 1) -> Report:
    """`folder` takes the mesh's files and the control plane's log."""
    report = Report(proxies=proxies, services=services, minutes=minutes)
    (folder / "mesh").mkdir()
    town = Town(folder / "mesh", services, proxies, Random(seed))
    town.build()
    async with control_plane(folder / "mesh", folder / "log") as plane:
        await Soak(plane, town, report, Random(seed)).run()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.scale.soak", description="Soak a control plane, and print what came of it.")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--proxies", type=int, default=200)
    parser.add_argument("--services", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="copy the control plane's log here")
    options = parser.parse_args()
    # Whoever else uses the machine comes first.
    os.nice(5)
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(
            soak(Path(folder), minutes=options.minutes, proxies=options.proxies, services=options.services, seed=options.seed)
        )
        if options.log:
            options.log.write_bytes((Path(folder) / "log").read_bytes())
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
