"""TLS and TCP routes of a VirtualService."""

from collections.abc import Iterator

from ostria.api.networking.virtual_service import L4MatchAttributes, TCPRoute, TLSMatchAttributes, TLSRoute, VirtualServiceSpec
from ostria.api.problem import Issue
from ostria.config.validate.destinations import destination_issues, weight_issues
from ostria.config.validate.hosts import gateway_name_issues
from ostria.config.validate.names import (
    host_matches,
    is_ip,
    is_label,
    is_subnet,
    is_wildcard_host,
    label_issues,
    port_issues,
    under,
    warning,
)

_PASSED_THROUGH = "outbound_."
"""Server names that gateways with AUTO_PASSTHROUGH carry: `outbound_.80_._.reviews.default.svc.cluster.local`."""


def tls_route_issues(route: TLSRoute, spec: VirtualServiceSpec) -> Iterator[Issue]:
    if not route.match:
        yield Issue((), "a TLS route needs at least one match", "add match: [{sniHosts: […]}]")
    for index, match in enumerate(route.match):
        yield from under(("match", index), _tls_match(match, spec))
    yield from _destinations(route)


def tcp_route_issues(route: TCPRoute) -> Iterator[Issue]:
    for index, match in enumerate(route.match):
        yield from under(("match", index), _match(match))
        if match.source_subnet and not is_subnet(match.source_subnet):
            yield Issue(("match", index, "sourceSubnet"), f"{match.source_subnet!r} is neither an address nor a range of them")
    yield from _destinations(route)


def _destinations(route: TLSRoute | TCPRoute) -> Iterator[Issue]:
    if not route.route:
        yield Issue((), "the route leads nowhere", "add route: [{destination: {host: …}}]")
    for index, destination in enumerate(route.route):
        yield from under(("route", index, "destination"), destination_issues(destination.destination))
    yield from weight_issues(route.route)


def _tls_match(match: TLSMatchAttributes, spec: VirtualServiceSpec) -> Iterator[Issue]:
    if not match.sni_hosts:
        yield Issue(("sniHosts",), "a TLS match needs at least one server name")
    for index, name in enumerate(match.sni_hosts):
        yield from under(("sniHosts", index), _server_name(name, spec))
    yield from _match(match)


def _server_name(name: str, spec: VirtualServiceSpec) -> Iterator[Issue]:
    if is_ip(name):
        yield warning((), f"{name} is an address, which clients don't send as a server name")
        return
    if not is_wildcard_host(name) and not name.startswith(_PASSED_THROUGH):
        yield Issue((), f"{name!r} is not a host")
    elif not any(host_matches(host, name) for host in spec.hosts):
        yield Issue((), f"{name!r} is none of the hosts of this VirtualService ({', '.join(spec.hosts)})", "add it to spec.hosts")


def _match(match: TLSMatchAttributes | L4MatchAttributes) -> Iterator[Issue]:
    for index, subnet in enumerate(match.destination_subnets):
        if not is_subnet(subnet):
            yield Issue(("destinationSubnets", index), f"{subnet!r} is neither an address nor a range of them", "write 10.0.0.0/8")
    if match.port:
        yield from port_issues(match.port, ("port",))
    yield from label_issues(match.source_labels, ("sourceLabels",))
    if match.source_namespace and not is_label(match.source_namespace):
        yield Issue(("sourceNamespace",), f"{match.source_namespace!r} is not a namespace")
    for index, gateway in enumerate(match.gateways):
        yield from gateway_name_issues(gateway, ("gateways", index))
