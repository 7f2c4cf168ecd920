"""The ports that a workload serves: those of its services, or those that a Sidecar's ingress names instead."""

from collections.abc import Callable, Iterable, Iterator

from ostria.api.meta import ObjectKey
from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.networking.sidecar import IstioIngressListener, Sidecar
from ostria.registry import protocols
from ostria.registry.model import EndpointSet, Host, Namespace, Port, Service, Workload
from ostria.registry.mutual_tls import WorkloadMtls
from ostria.snapshot.view import InboundPort

Pools = Callable[[Service, Port], ConnectionPoolSettings | None]
"""The connection pool that a DestinationRule gives a service's port."""
Behind = Callable[[Service, Port], EndpointSet | None]


def target_of(port: Port, workload: Workload | None) -> int:
    """The container port behind a service's port; 0 where a name is not among the container's ports."""
    if isinstance(port.target, int):
        return port.target
    named = workload.container_ports if workload else ()
    return next((number for name, number in named if name == port.target), 0)


def of_services(
    workload: Workload, services: Iterable[Service], mtls: WorkloadMtls, pools: Pools, behind: Behind
) -> tuple[InboundPort, ...]:
    """By container port. Of several services on one port the oldest decides; the others are kept for reports."""
    found: dict[int, list[tuple[Service, Port]]] = {}
    for service in services:
        for port in service.ports:
            for target in _targets(workload, service, port, behind):
                found.setdefault(target, []).append((service, port))
    return tuple(_declared(target, declared, mtls, pools) for target, declared in sorted(found.items()))


def _declared(target: int, declared: list[tuple[Service, Port]], mtls: WorkloadMtls, pools: Pools) -> InboundPort:
    service, port = declared[0]
    others = tuple(dict.fromkeys(s for s, _ in declared[1:] if s is not service))
    pool = pools(service, port)
    return InboundPort(target=target, port=port, service=service, mtls=mtls.at(target), connection_pool=pool, others=others)


def told_by_endpoints(workload: Workload, service: Service) -> bool:
    """A Kubernetes service that selects a pod says itself which port it means; of others only the endpoints tell."""
    return not (service.owner.kind == "Service" and service.selector and workload.owner.kind == "Pod")


def _targets(workload: Workload, service: Service, port: Port, behind: Behind) -> Iterator[int]:
    if not told_by_endpoints(workload, service):
        if target := target_of(port, workload):
            yield target
        return
    endpoints = behind(service, port)
    own = {e.port for e in endpoints.endpoints if e.address in workload.addresses} if endpoints else set()
    yield from sorted(own - {0})


def of_ingress(
    sidecar: Sidecar, own: Service, services: tuple[Service, ...], workload: Workload | None, mtls: WorkloadMtls
) -> tuple[InboundPort, ...]:
    """What the Sidecar's ingress listeners say, and nothing else. `own` stands in for ports that no service declares."""
    return tuple(sorted((_ingress(i, own, services, workload, mtls) for i in sidecar.spec.ingress), key=lambda p: p.target))


def _ingress(
    listener: IstioIngressListener, own: Service, services: tuple[Service, ...], workload: Workload | None, mtls: WorkloadMtls
) -> InboundPort:
    number = listener.port.number or 0
    name = listener.port.name or ""
    spoken = protocols.of_entry(number, name, listener.port.protocol)
    port = Port(name=name, number=number, protocol=protocols.inside_tls(spoken) if listener.tls else spoken, target=number)
    service = next((s for s in services if any(target_of(p, workload) == number for p in s.ports)), own)
    return InboundPort(
        target=number,
        port=port,
        service=service,
        mtls=mtls.at(number),
        bind=listener.default_endpoint or "",
        tls=listener.tls,
        connection_pool=listener.connection_pool,
        listen=listener.bind or "",
        captured=listener.capture_mode != "NONE",
    )


def own_service(sidecar: Sidecar) -> Service:
    """Stands for a port that no service declares."""
    meta = sidecar.metadata
    return Service(
        owner=ObjectKey("Sidecar", meta.namespace, meta.name),
        host=Host(f"{meta.name}.{meta.namespace}"),
        namespace=Namespace(meta.namespace),
        ports=(),
    )
