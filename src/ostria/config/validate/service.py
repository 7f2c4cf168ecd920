"""Rules for Service, Endpoints, EndpointSlice and IPAddress."""

from collections.abc import Iterator

from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.endpoints import Endpoints
from ostria.api.kubernetes.ip_address import IPAddress
from ostria.api.kubernetes.service import Service, ServicePort, ServiceSpec
from ostria.api.problem import Issue
from ostria.config.validate.names import is_fqdn, is_ip, is_label, is_port_name, label_issues, under, warning


def service_issues(service: Service) -> Iterator[Issue]:
    spec = service.spec
    yield from label_issues(spec.selector, ("spec", "selector"))
    yield from under(("spec",), _addresses(spec))
    if not spec.ports and spec.type != "ExternalName" and spec.cluster_ip != "None":
        yield Issue(("spec", "ports"), "a Service needs at least one port", "add ports: [{name: http, port: 80}]")
    yield from under(("spec", "ports"), _ports(spec.ports))
    if spec.session_affinity == "ClientIP":
        yield warning(
            ("spec", "sessionAffinity"), "sidecars balance requests and do not keep to it", "write a DestinationRule with consistentHash"
        )


def _addresses(spec: ServiceSpec) -> Iterator[Issue]:
    if spec.type == "ExternalName":
        if not is_fqdn(spec.external_name):
            yield Issue(("externalName",), f"{spec.external_name!r} is not a host", "write the name that the Service stands for")
        if spec.cluster_ip:
            yield Issue(("clusterIP",), "an ExternalName has no address of its own")
    for name, addresses in (("clusterIP", (spec.cluster_ip,) if spec.cluster_ip else ()), ("clusterIPs", spec.cluster_ips)):
        for address in addresses:
            if address != "None" and not is_ip(address):
                yield Issue((name,), f"{address!r} is not an address", 'leave it out, or write "None" for a headless Service')
    if spec.cluster_ips and spec.cluster_ip and spec.cluster_ips[0] != spec.cluster_ip:
        yield Issue(("clusterIPs", 0), "the first of clusterIPs is clusterIP")
    if len(set(spec.ip_families)) != len(spec.ip_families):
        yield Issue(("ipFamilies",), "an IP family is there twice")


def _ports(ports: tuple[ServicePort, ...]) -> Iterator[Issue]:
    names: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        if not port.name and len(ports) > 1:
            yield Issue((index,), "with several ports, each needs a name", "add name: http, tcp, grpc-…: it also tells the protocol")
        elif port.name and not is_label(port.name):
            yield Issue((index, "name"), f"{port.name!r} is not a name for a port", "lower case letters, digits and dashes, 63 at most")
        elif port.name in names:
            yield Issue((index, "name"), f"the port name {port.name!r} is there twice")
        if (port.protocol, port.port) in numbers:
            yield Issue((index, "port"), f"{port.protocol} port {port.port} is there twice")
        if isinstance(port.target_port, str) and port.target_port and not is_port_name(port.target_port):
            yield Issue((index, "targetPort"), f"{port.target_port!r} is neither a port nor the name of one")
        names.add(port.name)
        numbers.add((port.protocol, port.port))


def endpoints_issues(endpoints: Endpoints) -> Iterator[Issue]:
    for number, subset in enumerate(endpoints.subsets):
        for field, addresses in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses)):
            for index, address in enumerate(addresses):
                if not is_ip(address.ip):
                    yield Issue(("subsets", number, field, index, "ip"), f"{address.ip!r} is not an address")


def endpoint_slice_issues(endpoints: EndpointSlice) -> Iterator[Issue]:
    for index, endpoint in enumerate(endpoints.endpoints):
        for number, address in enumerate(endpoint.addresses):
            good = (
                is_fqdn(address)
                if endpoints.address_type == "FQDN"
                else is_ip(address) and (":" in address) == (endpoints.address_type == "IPv6")
            )
            if not good:
                yield Issue(("endpoints", index, "addresses", number), f"{address!r} is not an address of type {endpoints.address_type}")


def ip_address_issues(address: IPAddress) -> Iterator[Issue]:
    if address.spec.parent_ref.resource != "services" or address.spec.parent_ref.group:
        yield Issue(("spec", "parentRef", "resource"), "an IPAddress belongs to a Service", "write resource: services")
