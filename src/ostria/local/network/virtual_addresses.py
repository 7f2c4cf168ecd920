"""Services as the rest of the mesh has to know them: which families, which virtual ports with which endpoints, and the objects that give them addresses."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.ip_address import IPAddress, IPAddressSpec, ParentReference
from ostria.api.kubernetes.service import Service
from ostria.api.meta import ObjectMeta
from ostria.local.network.links import has_ipv6
from ostria.local.network.service_rules import VirtualPort


def families(service: Service) -> tuple[str, ...]:
    """As in a cluster whose first family is IPv4: one family, unless the service asks for two."""
    spec = service.spec
    if spec.ip_family_policy in ("PreferDualStack", "RequireDualStack") and has_ipv6():
        return spec.ip_families if len(spec.ip_families) == 2 else ("IPv4", "IPv6")
    return spec.ip_families[:1] or ("IPv4",)


def virtual_ports(
    services: Iterable[Service], addresses: Callable[[Service], tuple[str, ...]], slices: Iterable[EndpointSlice]
) -> Iterator[VirtualPort]:
    by_service: dict[tuple[str, str], list[EndpointSlice]] = {}
    for part in slices:
        by_service.setdefault((part.metadata.namespace, part.metadata.labels["kubernetes.io/service-name"]), []).append(part)
    for service in services:
        parts = by_service.get((service.metadata.namespace, service.metadata.name), [])
        for address in addresses(service):
            family = f"IPv{ip_address(address).version}"
            for port in service.spec.ports:
                found = (
                    (endpoint.addresses[0], number.port)
                    for part in parts
                    if part.address_type == family
                    for number in part.ports
                    if number.name == port.name and number.port
                    for endpoint in part.endpoints
                    if endpoint.conditions.ready is not False
                )
                name = f"{service.metadata.namespace}/{service.metadata.name}"
                yield VirtualPort(service=name, address=address, port=port.port, protocol=port.protocol, endpoints=tuple(sorted(found)))


def ip_object(address: str, service: Service) -> IPAddress:
    parent = ParentReference(resource="services", namespace=service.metadata.namespace, name=service.metadata.name)
    meta = ObjectMeta(name=address, labels={"ipaddress.kubernetes.io/ip-family": f"IPv{ip_address(address).version}"})
    return IPAddress(api_version="networking.k8s.io/v1", kind="IPAddress", metadata=meta, spec=IPAddressSpec(parent_ref=parent))
