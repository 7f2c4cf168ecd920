"""Route configurations of gateways: plain HTTP servers share one per port that Envoy listens on, HTTPS servers have one each.

A VirtualService is served under those of its hosts that the server's hosts cover, and the other way round. Where several speak for one host, the
routes of the oldest come first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ostria.api.networking.gateway import Server
from ostria.registry import hosts
from ostria.snapshot.view import GatewayServer, ResolvedVirtualService, View
from ostria.translate.names import gateway_http_route, gateway_https_route
from ostria.translate.routes import domains
from ostria.translate.routes.claims import has_routes
from ostria.translate.routes.key import RouteConfigKey, Routes, VirtualHostKey
from ostria.translate.routes.settings import counts_attempts
from ostria.translate.routes.sources import Sources

_PLAIN_HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})
_PASSED_THROUGH = frozenset({"PASSTHROUGH", "AUTO_PASSTHROUGH"})


def route_name(server: GatewayServer) -> str | None:
    """The route configuration that the server's listener names; None when the server isn't HTTP once its TLS is off."""
    port, tls = server.server.port, server.server.tls
    protocol = port.protocol.upper()
    if protocol in _PLAIN_HTTP:
        return gateway_http_route(server.bind_port)
    if protocol == "HTTPS" and tls is not None and tls.mode not in _PASSED_THROUGH:
        return gateway_https_route(port.number, port.name, server.owner.name, server.namespace)
    return None


def keys(view: View) -> tuple[RouteConfigKey, ...]:
    by_name: dict[str, list[GatewayServer]] = {}
    for server in view.servers:
        if (name := route_name(server)) is None:
            continue
        # Two HTTPS servers of one name can't both have a listener's filter chain; the first has it.
        if name not in by_name or server.server.port.protocol.upper() in _PLAIN_HTTP:
            by_name.setdefault(name, []).append(server)
    sources = Sources(view)
    return tuple(_route_config(view, sources, name, servers) for name, servers in by_name.items())


@dataclass(slots=True)
class _Host:
    """A virtual host while it is being collected."""

    name: str
    routes: list[Routes] = field(default_factory=list)
    require_tls: bool = False


def _route_config(view: View, sources: Sources, name: str, servers: Iterable[GatewayServer]) -> RouteConfigKey:
    attempts = counts_attempts(view)
    found: dict[str, _Host] = {}
    port = 0
    for server in servers:
        port = port or server.server.port.number
        for host, routes in _routes(view, sources, server):
            of_host = found.setdefault(host, _Host(domains.with_port(host, server.server.port.number)))
            if routes not in of_host.routes:
                of_host.routes.append(routes)
        if server.server.tls and server.server.tls.https_redirect:
            _redirect(found, server)
    if not found:
        blackhole = VirtualHostKey(name=domains.with_port("blackhole", port), domains=("*",), routes=(), attempt_count=False)
        return RouteConfigKey(name=name, hosts=(blackhole,))
    return RouteConfigKey(name=name, hosts=tuple(sorted(_collapsed(found, attempts), key=lambda k: k.name)))


def _routes(view: View, sources: Sources, server: GatewayServer) -> Iterator[tuple[str, Routes]]:
    gateway, spec = f"{server.namespace}/{server.owner.name}", server.server
    for vs in server.virtual_services:
        if not has_routes(vs, spec.port.number, gateway):
            continue
        routes = sources.for_virtual_service(vs, spec.port.number, view.service, gateway, tls=spec.tls is not None)
        for host in shared_hosts(server, vs):
            yield host, routes


def _redirect(found: dict[str, _Host], server: GatewayServer) -> None:
    """Every host of the server answers plain HTTP with a redirect to HTTPS, whether a VirtualService speaks for it or not."""
    for host in (h.rpartition("/")[2].lower() for h in server.server.hosts):
        found.setdefault(host, _Host(domains.with_port(host, server.server.port.number))).require_tls = True
    for vs in server.virtual_services:
        for host in shared_hosts(server, vs):
            if host in found:
                found[host].require_tls = True


def _collapsed(found: dict[str, _Host], attempt_count: bool) -> Iterator[VirtualHostKey]:
    """Hosts with the same routes share one virtual host, under the name of the most specific."""
    groups: dict[tuple[tuple[Routes, ...], bool], list[str]] = {}
    for host in sorted(found, key=lambda h: (hosts.is_wildcard(h), -len(h), h)):
        groups.setdefault((tuple(found[host].routes), found[host].require_tls), []).append(host)
    for (routes, require_tls), members in groups.items():
        yield VirtualHostKey(
            name=found[members[0]].name,
            domains=tuple(domains.bracketed(h) for h in members),
            routes=routes,
            require_tls=require_tls,
            attempt_count=attempt_count,
        )


def shared_hosts(server: GatewayServer, virtual_service: ResolvedVirtualService) -> tuple[str, ...]:
    """The hosts under which the server offers the VirtualService: of each pair that overlaps, the narrower one."""
    offered = tuple(_offered(server.server, server.namespace, virtual_service.namespace))
    pairs = ((o, v.lower()) for o in offered for v in virtual_service.spec.hosts)
    narrower = (v if hosts.covers(o, v) else o for o, v in pairs if hosts.matches(o, v))
    return tuple(dict.fromkeys(narrower))


def _offered(server: Server, gateway_namespace: str, namespace: str) -> Iterator[str]:
    """The server's hosts that are open to VirtualServices of `namespace`: `HOST`, `NAMESPACE/HOST`, `./HOST` (the Gateway's own), `*/HOST`."""
    for entry in server.hosts:
        scope, slash, host = entry.rpartition("/")
        wanted = gateway_namespace if scope == "." else scope
        if not slash or wanted in ("*", namespace):
            yield host.lower()
