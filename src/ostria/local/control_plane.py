"""The control plane as a workload: `istiod` in `istio-system`, in a network namespace of its own, an ordinary process that is started again when it ends."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostria.api.kubernetes.container import Container, ContainerPort
from ostria.api.kubernetes.deployment import Deployment, DeploymentSpec
from ostria.api.kubernetes.pod import PodSpec, PodTemplateSpec
from ostria.api.kubernetes.probe import Probe, TCPSocketAction
from ostria.api.kubernetes.selector import Selector
from ostria.api.kubernetes.service import Service, ServicePort, ServiceSpec
from ostria.api.meta import ObjectKey, ObjectMeta
from ostria.local.kernel.processes import verb

NAMESPACE, NAME = "istio-system", "istiod"
HOST = f"{NAME}.{NAMESPACE}.svc"
OWNER = ObjectKey("Deployment", NAMESPACE, NAME)
TLS_PORT, DEBUG_PORT = 15012, 8080
_LABELS = {"app": "istiod", "istio": "pilot"}
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """How the process is started: it reads the user's own files, so it runs as the user who started the mesh."""

    config: Sequence[str]
    last_good: Path
    namespace: str
    state: Path
    jwks: Path
    mesh_config: Path | None
    path: str
    address: str = ""
    """Where it serves, on a machine that it shares with others; empty: everywhere in a namespace of its own."""

    def orders(self) -> dict[str, Any]:
        argv = [
            *verb("discovery"),
            "-n",
            self.namespace,
            "--last-good",
            str(self.last_good),
            "--state",
            str(self.state),
            "--jwks",
            str(self.jwks),
        ]
        argv += [word for path in self.config for word in ("--config", path)]
        argv += ["--mesh-config", str(self.mesh_config)] if self.mesh_config else []
        if self.address:
            argv += ["--xds-address", "", "--tls-address", f"{self.address}:{TLS_PORT}"]
            argv += ["--debug-address", f"{self.address}:{DEBUG_PORT}", "--metrics-address", f"{self.address}:15014"]
        env = {"PATH": self.path, "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", "GRPC_ENABLE_FORK_SUPPORT": "0"}
        # What tests ask of it: see `ostria.translate.tamper`.
        env |= {name: value for name, value in os.environ.items() if name.startswith("OSTRIA_TEST_")}
        orders: dict[str, Any] = {"argv": argv, "env": env, "cwd": os.getcwd()}
        if self.address:
            return orders | {"die_with_parent": True}
        return orders | {"uid": 0, "gid": 0, "capabilities": [_DAC_OVERRIDE, _DAC_READ_SEARCH]}


def deployment() -> Deployment:
    ports = tuple(
        ContainerPort(name=name, container_port=number)
        for name, number in (("grpc-xds", 15010), ("https-xds", TLS_PORT), ("http-monitoring", 15014))
    )
    probe = Probe(tcp_socket=TCPSocketAction(port=TLS_PORT), period_seconds=3, timeout_seconds=5)
    container = Container(name="discovery", image="ostria-discovery", ports=ports, readiness_probe=probe)
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels=_LABELS),
        spec=PodSpec(containers=(container,), service_account_name="istiod", termination_grace_period_seconds=5),
    )
    spec = DeploymentSpec(selector=Selector(match_labels=_LABELS), template=template)
    return Deployment(
        api_version="apps/v1", kind="Deployment", metadata=ObjectMeta(name=NAME, namespace=NAMESPACE, labels=_LABELS), spec=spec
    )


def service() -> Service:
    ports = (
        ServicePort(name="grpc-xds", port=15010),
        ServicePort(name="https-dns", port=TLS_PORT),
        ServicePort(name="https-webhook", port=443, target_port=15017),
        ServicePort(name="http-monitoring", port=15014),
    )
    spec = ServiceSpec(selector=_LABELS, ports=ports)
    return Service(api_version="v1", kind="Service", metadata=ObjectMeta(name=NAME, namespace=NAMESPACE, labels=_LABELS), spec=spec)
