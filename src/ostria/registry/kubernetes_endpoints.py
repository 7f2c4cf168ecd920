"""The endpoints behind a Kubernetes Service: from its EndpointSlices (or Endpoints), and the WorkloadEntries that its selector finds.

Pods give endpoints their labels, identity, locality and way of speaking; an address whose pod is not known yet is left out until it is,
because clients would take it for a server without a sidecar.
"""

from collections.abc import Iterable, Iterator, Mapping

from ostria.api.kubernetes import endpoint_slice
from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.endpoints import EndpointAddress, Endpoints, EndpointSubset
from ostria.api.kubernetes.references import ObjectReference
from ostria.api.networking.workload_entry import WorkloadEntry
from ostria.registry.hosts import is_address
from ostria.registry.model import Endpoint, Port, Service, Workload
from ostria.registry.surroundings import Surroundings, of_workload

Contribution = Mapping[int, tuple[Endpoint, ...]]
"""Endpoints by the number of the service's port."""


def from_slices(service: Service, slices: Iterable[EndpointSlice], around: Surroundings) -> dict[int, list[Endpoint]]:
    found: dict[int, list[Endpoint]] = {}
    for piece in slices:
        if piece.address_type == "FQDN":
            continue
        numbers = {p.name: p.port for p in piece.ports if p.port and p.protocol == "TCP"}
        for port in service.ports:
            if (number := numbers.get(port.name)) is not None:
                for endpoint in piece.endpoints:
                    found.setdefault(port.number, []).extend(_endpoints(service, endpoint, number, around))
    return found


def as_slice(endpoints: Endpoints) -> list[EndpointSlice]:
    """The same as slices, one for each subset, so that there is one rule for both."""
    return [
        EndpointSlice(
            api_version="discovery.k8s.io/v1",
            kind="EndpointSlice",
            metadata=endpoints.metadata,
            address_type="IPv4",
            endpoints=tuple(_subset(subset)),
            ports=tuple(endpoint_slice.EndpointPort(name=p.name, port=p.port, protocol=p.protocol) for p in subset.ports),
        )
        for subset in endpoints.subsets
    ]


def names_in(piece: EndpointSlice) -> Iterator[str]:
    """Everything that a slice says about who stands behind it: addresses, and pods as NAMESPACE/NAME."""
    for endpoint in piece.endpoints:
        yield from endpoint.addresses
        if endpoint.target_ref is not None and endpoint.target_ref.kind == "Pod":
            yield pod_name(endpoint.target_ref, piece.metadata.namespace)


def pod_name(reference: ObjectReference, namespace: str) -> str:
    return f"{reference.namespace or namespace}/{reference.name}"


def from_entries(service: Service, entries: Iterable[tuple[WorkloadEntry, Workload]], around: Surroundings) -> dict[int, list[Endpoint]]:
    """WorkloadEntries that the service's selector finds: machines that serve beside the pods. Those without an IP address can't."""
    found: dict[int, list[Endpoint]] = {}
    for entry, workload in entries:
        for port in service.ports:
            for address in filter(is_address, workload.addresses):
                number = _entry_port(entry, port)
                found.setdefault(port.number, []).append(
                    of_workload(workload, address, number, around, weight=entry.spec.weight or 1, known=bool(entry.spec.service_account))
                )
    return found


def _entry_port(entry: WorkloadEntry, port: Port) -> int:
    ports = entry.spec.ports
    if port.name in ports:
        return ports[port.name]
    return port.target if isinstance(port.target, int) else ports.get(port.target, port.number)


def _subset(subset: EndpointSubset) -> Iterator[endpoint_slice.Endpoint]:
    for ready, addresses in ((True, subset.addresses), (False, subset.not_ready_addresses)):
        for address in addresses:
            yield _address(address, ready)


def _address(address: EndpointAddress, ready: bool) -> endpoint_slice.Endpoint:
    return endpoint_slice.Endpoint(
        addresses=(address.ip,),
        conditions=endpoint_slice.EndpointConditions(ready=ready),
        hostname=address.hostname or None,
        target_ref=address.target_ref,
        node_name=address.node_name or None,
    )


def _endpoints(service: Service, endpoint: endpoint_slice.Endpoint, port: int, around: Surroundings) -> Iterator[Endpoint]:
    if endpoint.conditions.ready is False and not service.publish_not_ready:
        return
    reference = endpoint.target_ref
    is_pod = reference is not None and reference.kind == "Pod"
    named = around.pod(pod_name(reference, service.namespace)) if reference is not None and is_pod else None
    if is_pod and named is None:
        return
    for address in endpoint.addresses:
        workload = named or around.at(address)
        if workload is None:
            node = endpoint.node_name or ""
            yield Endpoint(address=address, port=port, hostname=endpoint.hostname or "", node=node, locality=around.locality(node))
        else:
            yield of_workload(workload, address, port, around, hostname=endpoint.hostname or "")
