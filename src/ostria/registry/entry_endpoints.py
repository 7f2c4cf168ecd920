"""The endpoints behind a ServiceEntry: those that it lists, those that its selector finds, or the host itself where DNS tells."""

from collections.abc import Iterable

from ostria.api.networking.service_entry import ServiceEntry
from ostria.api.networking.workload_entry import WorkloadEntry, WorkloadEntrySpec
from ostria.registry import locality
from ostria.registry.hosts import is_address, is_wildcard
from ostria.registry.model import Endpoint, Port, Resolution, Service, Workload
from ostria.registry.surroundings import Surroundings, of_workload, tls_mode
from ostria.registry.workloads import NETWORK, entry_speaks_mutual_tls

_BY_NAME = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


def listed(entry: ServiceEntry, service: Service, around: Surroundings) -> dict[int, list[Endpoint]]:
    """What the entry itself lists. Without endpoints a host that DNS resolves is its own only endpoint."""
    if service.resolution in (Resolution.PASSTHROUGH, Resolution.DYNAMIC_DNS):
        return {}
    endpoints = entry.spec.endpoints
    if endpoints or service.selector:
        return {p.number: [_listed(e, p, service, around) for e in endpoints if e.address] for p in service.ports}
    if service.resolution in _BY_NAME and not is_wildcard(service.host):
        return {p.number: [Endpoint(address=service.host, port=_target(p))] for p in service.ports}
    return {}


def selected(service: Service, found: Iterable[tuple[Workload, WorkloadEntry | None]], around: Surroundings) -> dict[int, list[Endpoint]]:
    """What the workloadSelector finds: WorkloadEntries, and pods that are ready. Without DNS an entry that has a name instead of an address is of no use:
    Envoy would reject the endpoints beside it, too."""
    by_name = service.resolution in _BY_NAME
    endpoints: dict[int, list[Endpoint]] = {p.number: [] for p in service.ports}
    for workload, entry in found:
        for port in service.ports:
            for address in workload.addresses if entry is not None or workload.ready else ():
                if by_name or is_address(address) or address.startswith("unix://"):
                    endpoints[port.number].append(_selected(workload, entry, address, port, around))
    return endpoints


def _selected(workload: Workload, entry: WorkloadEntry | None, address: str, port: Port, around: Surroundings) -> Endpoint:
    if entry is None:
        return of_workload(workload, address, _target(port), around)
    spec = entry.spec
    number = 0 if address.startswith("unix://") else spec.ports.get(port.name, _target(port))
    return of_workload(workload, address, number, around, weight=spec.weight or 1, known=bool(spec.service_account))


def _listed(endpoint: WorkloadEntrySpec, port: Port, service: Service, around: Surroundings) -> Endpoint:
    address = endpoint.address or ""
    number = 0 if address.startswith("unix://") else endpoint.ports.get(port.name, _target(port))
    return Endpoint(
        address=address,
        port=number,
        labels=endpoint.labels,
        service_account=around.account(service.namespace, endpoint.service_account) if endpoint.service_account else "",
        tls_mode=tls_mode(entry_speaks_mutual_tls(endpoint, endpoint.labels), service.namespace, endpoint.labels, number, around),
        locality=locality.of_entry(endpoint.locality, endpoint.labels),
        network=endpoint.network or endpoint.labels.get(NETWORK, ""),
        weight=endpoint.weight or 1,
    )


def _target(port: Port) -> int:
    return port.target if isinstance(port.target, int) else port.number
