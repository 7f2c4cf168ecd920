"""The EndpointSlice controller as a pure function: which addresses stand behind which Service."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ostria.api.kubernetes.endpoint_slice import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from ostria.api.kubernetes.pod import Pod
from ostria.api.kubernetes.references import ObjectReference
from ostria.api.kubernetes.service import Service, ServicePort
from ostria.api.meta import ObjectMeta


class Advice(NamedTuple):
    message: str
    hint: str


def endpoint_slices(service: Service, pods: Sequence[Pod], families: Sequence[str]) -> list[EndpointSlice]:
    """One slice for each address family and each set of target ports (a named port may be another number in another pod)."""
    if not service.spec.selector or service.spec.type == "ExternalName":
        return []
    found: list[EndpointSlice] = []
    for family in families:
        by_ports: dict[tuple[EndpointPort, ...], list[Endpoint]] = {}
        for pod in _behind(service, pods):
            address = next((a for a in pod.status.addresses if (":" in a) == (family == "IPv6")), None) if pod.status else None
            if address is not None:
                by_ports.setdefault(_ports(service, pod), []).append(_endpoint(pod, address, service))
        for index, (ports, endpoints) in enumerate(by_ports.items()):
            found.append(_slice(service, family, index, ports, tuple(endpoints)))
    return found


def unserved(service: Service, pods: Sequence[Pod]) -> Advice | None:
    """Why nobody answers for a Service, and what to do; None where somebody does, or where nobody is looked for."""
    if not service.spec.selector or service.spec.type == "ExternalName":
        return None
    labels = ", ".join(f"{name}={value}" for name, value in service.spec.selector.items())
    behind = [pod for pod in _behind(service, pods) if pod.status]
    if not behind:
        return Advice(f"it has no endpoints: no pod of its namespace has the labels {labels}", "correct spec.selector, or the pods' labels")
    if not any(_endpoint(pod, "", service).conditions.ready for pod in behind):
        return Advice(f"it has no endpoints: none of its {len(behind)} pods is ready", "ostria status tells what each of them waits for")
    for port in service.spec.ports:
        if all(target_port(port, pod) is None for pod in behind):
            return Advice(
                f"its port {port.port} has no endpoints: no pod behind it has a container port named {port.target_port}",
                "name the container's port so, or write its number as targetPort",
            )
    return None


def target_port(port: ServicePort, pod: Pod) -> int | None:
    """The number behind a service port in one pod; None where the pod has no container port of that name."""
    target = port.target_port or port.port
    if isinstance(target, int):
        return target
    if target.isdecimal():
        return int(target)
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    named = (p for c in containers for p in c.ports if p.name == target and p.protocol == port.protocol)
    return next((p.container_port for p in named), None)


def _behind(service: Service, pods: Iterable[Pod]) -> Iterable[Pod]:
    for pod in pods:
        same = pod.metadata.namespace == service.metadata.namespace
        if (
            same
            and service.spec.selector.items() <= pod.metadata.labels.items()
            and pod.status
            and pod.status.phase not in ("Succeeded", "Failed")
        ):
            yield pod


def _ports(service: Service, pod: Pod) -> tuple[EndpointPort, ...]:
    found = []
    for port in service.spec.ports:
        number = target_port(port, pod)
        if number is not None:
            found.append(EndpointPort(name=port.name, protocol=port.protocol, port=number, app_protocol=port.app_protocol))
    return tuple(found)


def _endpoint(pod: Pod, address: str, service: Service) -> Endpoint:
    ready = bool(pod.status and pod.status.ready)
    ending = pod.metadata.deletion_timestamp is not None
    conditions = EndpointConditions(
        ready=(ready and not ending) or service.spec.publish_not_ready_addresses, serving=ready, terminating=ending
    )
    hostname = pod.spec.hostname if pod.spec.subdomain == service.metadata.name else ""
    reference = ObjectReference(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid or "")
    return Endpoint(
        addresses=(address,), conditions=conditions, target_ref=reference, node_name=pod.spec.node_name or None, hostname=hostname or None
    )


def _slice(service: Service, family: str, index: int, ports: tuple[EndpointPort, ...], endpoints: tuple[Endpoint, ...]) -> EndpointSlice:
    name = f"{service.metadata.name}-{family.lower()}" + (f"-{index}" if index else "")
    labels = {
        "kubernetes.io/service-name": service.metadata.name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    if service.spec.cluster_ip == "None":
        labels["service.kubernetes.io/headless"] = ""
    return EndpointSlice(
        api_version="discovery.k8s.io/v1",
        kind="EndpointSlice",
        metadata=ObjectMeta(name=name, namespace=service.metadata.namespace, labels=labels),
        address_type="IPv4" if family == "IPv4" else "IPv6",
        ports=ports,
        endpoints=endpoints,
    )
