"""Rules for VirtualService."""

from collections.abc import Iterator

from ostria.api.networking.virtual_service import VirtualService, VirtualServiceSpec
from ostria.api.problem import Issue
from ostria.config.validate.headers import is_claim
from ostria.config.validate.hosts import gateway_name_issues
from ostria.config.validate.http_route import http_route_issues
from ostria.config.validate.l4_routes import tcp_route_issues, tls_route_issues
from ostria.config.validate.names import host_matches, is_ip, is_wildcard_host, under
from ostria.config.validate.selectors import export_issues
from ostria.config.validate.unreachable import unreachable_issues

_MESH = "mesh"


def virtual_service_issues(service: VirtualService) -> Iterator[Issue]:
    spec = service.spec
    is_delegate = not spec.hosts
    if is_delegate:
        yield from _delegate(spec)
    for index, gateway in enumerate(spec.gateways):
        yield from gateway_name_issues(gateway, ("spec", "gateways", index))
    yield from _hosts(spec)
    if not (spec.http or spec.tls or spec.tcp):
        yield Issue(("spec",), "there are no routes", "add http, tls or tcp")
    for index, http in enumerate(spec.http):
        yield from under(("spec", "http", index), http_route_issues(http, is_delegate=is_delegate))
    for index, tls in enumerate(spec.tls):
        yield from under(("spec", "tls", index), tls_route_issues(tls, spec))
    for index, tcp in enumerate(spec.tcp):
        yield from under(("spec", "tcp", index), tcp_route_issues(tcp))
    yield from export_issues(spec.export_to, service.metadata.namespace)
    if not _only_gateways(spec):
        yield from _claims(spec)
    yield from unreachable_issues("http", spec.http)
    yield from unreachable_issues("tls", spec.tls)
    yield from unreachable_issues("tcp", spec.tcp)


def _only_gateways(spec: VirtualServiceSpec) -> bool:
    return bool(spec.gateways) and _MESH not in spec.gateways


def _delegate(spec: VirtualServiceSpec) -> Iterator[Issue]:
    """Without hosts it stands only for what another VirtualService delegates to it: HTTP routes."""
    for field in ("gateways", "tls", "tcp"):
        if getattr(spec, field):
            yield Issue(("spec", field), f"a VirtualService without hosts is one to delegate to and has no {field}", "add hosts")


def _hosts(spec: VirtualServiceSpec) -> Iterator[Issue]:
    for index, host in enumerate(spec.hosts):
        passed_through = host.startswith("outbound_.") and _only_gateways(spec)
        if not is_wildcard_host(host) and not is_ip(host) and not passed_through:
            yield Issue(
                ("spec", "hosts", index), f"{host!r} is not a host", "write a service's name, a name that begins with *. , or an address"
            )
        elif host == "*" and not _only_gateways(spec):
            yield Issue(
                ("spec", "hosts", index), "the host * would take all traffic in the mesh", "name the hosts, or bind to gateways only"
            )
        for earlier in spec.hosts[:index]:
            if host_matches(earlier, host):
                yield Issue(("spec", "hosts", index), f"{host!r} is there already, as {earlier!r}", "remove one of the two")


def _claims(spec: VirtualServiceSpec) -> Iterator[Issue]:
    for number, route in enumerate(spec.http):
        for index, match in enumerate(route.match):
            for field, headers in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
                for name in filter(is_claim, headers):
                    path = ("spec", "http", number, "match", index, field, name)
                    yield Issue(path, "claims of a token are matched at gateways only", "bind the VirtualService to gateways only")
