"""A mesh without namespaces: every pod has a loopback address of its own, its processes have ports of their own, and nothing is redirected.

Envoy listens where a Service says, at the pod's address; the app listens on another port of 127.0.0.1, which its command gets by `{port:9080}`. A Sidecar
object, made here, tells the control plane which port stands for which. Clients reach their proxy by `http_proxy`.
"""

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network

from ostria.api.kubernetes.pod import Pod
from ostria.api.kubernetes.service import Service
from ostria.api.meta import ObjectMeta
from ostria.api.networking.sidecar import IstioIngressListener, Sidecar, SidecarPort, SidecarSpec
from ostria.api.selectors import LabelSelector
from ostria.local.controllers.endpoints import target_port
from ostria.registry.protocols import of_port

REPLICA = "local.ostria.dev/replica"
"""A label with the pod's own name, on every pod of a mesh without capture: what tells its Sidecar from those of other replicas."""
_FIRST, _LAST = 20000, 31000
PROXY_PORTS = ("admin", "status", "ready", "metrics", "http-proxy")


def networks(mesh: str) -> tuple[IPv4Network, IPv6Network]:
    """Loopback addresses for the pods of one mesh; another mesh most likely has others."""
    block = int.from_bytes(blake2b(mesh.encode(), digest_size=2).digest()) % 0x3F00
    return IPv4Network((0x7F400000 + (block << 8), 24)), IPv6Network("fd00:10:244::/64")


@dataclass(slots=True)
class Ports:
    """Ports of this machine that nobody else holds, given out by name and kept while the mesh runs."""

    seed: str
    _given: dict[tuple[str, str], int] = field(default_factory=dict)

    def get(self, pod: str, name: str) -> int:
        """Raise OSError when none is free."""
        key = (pod, name)
        if key not in self._given:
            self._given[key] = self._free(f"{self.seed}/{pod}/{name}")
        return self._given[key]

    def _free(self, name: str) -> int:
        taken = set(self._given.values())
        start = int.from_bytes(blake2b(name.encode(), digest_size=4).digest())
        for step in range(_LAST - _FIRST):
            port = _FIRST + (start + step) % (_LAST - _FIRST)
            if port not in taken and _is_free(port):
                return port
        raise OSError(f"no port between {_FIRST} and {_LAST} is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def proxy_environment(ports: Mapping[str, int]) -> dict[str, str]:
    """What lets many proxies share one machine; `ports` by the names in PROXY_PORTS."""
    return {
        "ENVOY_STATUS_PORT": str(ports["ready"]),
        "ENVOY_PROMETHEUS_PORT": str(ports["metrics"]),
        "ISTIO_META_HTTP_PROXY_PORT": str(ports["http-proxy"]),
    }


def client_environment(port: int) -> dict[str, str]:
    """How an app finds its proxy: both spellings, because programs disagree about them."""
    url = f"http://127.0.0.1:{port}"
    return {"http_proxy": url, "HTTP_PROXY": url, "no_proxy": "localhost,127.0.0.1", "NO_PROXY": "localhost,127.0.0.1"}


def served(pod: Pod, services: Iterable[Service]) -> dict[int, IstioIngressListener]:
    """Target port → the listener that stands for it, without its endpoint, for every Service that selects the pod."""
    found: dict[int, IstioIngressListener] = {}
    for service in services:
        same = service.metadata.namespace == pod.metadata.namespace
        if not same or not service.spec.selector or not service.spec.selector.items() <= pod.metadata.labels.items():
            continue
        for port in service.spec.ports:
            number = target_port(port, pod)
            if number is not None and number not in found:
                protocol = of_port(port.port, port.name, port.app_protocol, port.protocol)
                found[number] = IstioIngressListener(
                    port=SidecarPort(number=number, name=port.name or f"port-{number}", protocol=str(protocol.value)), capture_mode="NONE"
                )
    return found


def sidecar(pod: Pod, listeners: Mapping[int, IstioIngressListener], app_ports: Mapping[int, int]) -> Sidecar:
    """The pod's own Sidecar: where each of its ports is really served."""
    ingress = tuple(
        IstioIngressListener(port=listener.port, capture_mode="NONE", default_endpoint=f"127.0.0.1:{app_ports.get(number, number)}")
        for number, listener in sorted(listeners.items())
    )
    meta = ObjectMeta(name=f"local-{pod.metadata.name}", namespace=pod.metadata.namespace)
    selector = LabelSelector(labels={REPLICA: pod.metadata.name})
    return Sidecar(
        api_version="networking.istio.io/v1", kind="Sidecar", metadata=meta, spec=SidecarSpec(ingress=ingress, workload_selector=selector)
    )


def refusal(container: str, port: int) -> str:
    return (
        f"container {container!r}: without capture its proxy listens on port {port}, so the app needs another one\n"
        f"  hint: write {{port:{port}}} for the port in the container's command (annotation local.ostria.dev/command, or ostria.yaml)"
    )
