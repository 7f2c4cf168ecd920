"""Which listeners a gateway needs: servers of all its Gateways, merged by address and port.

Servers are taken oldest first. Plain HTTP servers share a port (and its route configuration); servers with TLS share one too, told apart by server name;
a plain and a TLS server, or two TCP servers, can't: the older one has the port. A TLS server one of whose hosts is taken is left out whole, because
Envoy would refuse the listener.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ostria.api.meta import ObjectKey
from ostria.api.networking.gateway import Server
from ostria.api.networking.server_tls import ServerTLSSettings
from ostria.api.networking.virtual_service import L4MatchAttributes, TLSMatchAttributes
from ostria.registry import hosts
from ostria.registry.model import Protocol
from ostria.snapshot.view import GatewayServer, ResolvedVirtualService, View
from ostria.translate.clusters.dynamic import resolving
from ostria.translate.filters.tcp_proxy import to_cluster
from ostria.translate.listeners import address as addresses
from ostria.translate.listeners.chain import acceptable
from ostria.translate.listeners.inbound_matches import MESH_ALPN
from ostria.translate.listeners.key import GatewayChain, GatewayKey, GatewayTls, Scope
from ostria.translate.listeners.tcp_routes import prefixes, routing_connections, spread
from ostria.translate.names import dns_srv_cluster, listener
from ostria.translate.routes.gateway import route_name, shared_hosts

_PLAIN_HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})


@dataclass(slots=True)
class _Entry:
    """A listener while servers are added to it."""

    addresses: tuple[str, ...]
    port: int
    family: str
    chains: list[GatewayChain] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    origins: list[ObjectKey] = field(default_factory=list)

    def claims(self, server: GatewayServer) -> bool:
        """Whether all server names of a TLS server are free; they are then its own."""
        wanted = set(server_names(server.server)) or {"*"}
        if wanted & self.taken:
            return False
        self.taken |= wanted
        return True

    def free(self, chain: GatewayChain) -> GatewayChain | None:
        """The chain with the server names that no chain before it has: Envoy refuses two that match the same."""
        matched = {(c.subnets, name) for c in self.chains for name in c.server_names or ("",)}
        names = tuple(n for n in chain.server_names or ("",) if (chain.subnets, n) not in matched)
        return replace(chain, server_names=tuple(n for n in names if n)) if names else None


def keys(view: View) -> tuple[GatewayKey, ...]:
    scope = Scope(mesh=view.mesh, telemetry=view.telemetry, dynamic=resolving(view))
    entries: dict[str, _Entry] = {}
    for server in view.servers:
        _add(view, entries, server)
    topology = view.mesh.config.default_config.gateway_topology
    return tuple(
        GatewayKey(
            scope=scope,
            name=name,
            addresses=entry.addresses,
            port=entry.port,
            chains=tuple(entry.chains),
            security=view.security,
            proxy_protocol=view.key.proxy_protocol or topology.proxy_protocol is not None,
            proxy_protocol_required=topology.proxy_protocol is not None,
            origins=tuple(dict.fromkeys(entry.origins)),
        )
        for name, entry in entries.items()
        if entry.chains
    )


def _family(server: Server) -> str:
    """Servers of one family can share a port."""
    protocol = server.port.protocol.upper()
    if protocol in _PLAIN_HTTP:
        return "http"
    return "tls" if protocol in ("HTTPS", "TLS") or server.tls is not None else "tcp"


def _add(view: View, entries: dict[str, _Entry], server: GatewayServer) -> None:
    spec = server.server
    if acceptable(h.rpartition("/")[2] for h in spec.hosts) is None:
        return
    where = (spec.bind,) if spec.bind else addresses.wildcards(ipv4=view.key.ipv4, ipv6=view.key.ipv6)
    name, family = listener(where[0], server.bind_port), _family(spec)
    entry = entries.setdefault(name, _Entry(where, server.bind_port, family))
    if entry.family != family or (family == "tls" and not entry.claims(server)):
        return
    before = len(entry.chains)
    for chain in list(_chains(view, server, first=not entry.chains)):
        if (free := entry.free(chain)) is not None:
            entry.chains.append(free)
    if len(entry.chains) > before or family == "http":
        entry.origins += (server.owner._replace(rule=server.index), *_routers(server))


def _routers(server: GatewayServer) -> Iterator[ObjectKey]:
    return (vs.owner for vs in routing_connections(server.virtual_services))


def _chains(view: View, server: GatewayServer, *, first: bool) -> Iterator[GatewayChain]:
    spec, tls = server.server, server.server.tls
    family, mode = _family(spec), (tls.mode if tls is not None else None)
    routes = route_name(server)
    if family == "http":
        if first and routes is not None:
            yield GatewayChain(routes=routes, grpc_web=spec.port.protocol.upper() == "GRPC-WEB")
    elif family == "tcp":
        if first:
            yield from _tcp(view, server)
    elif tls is None or mode == "PASSTHROUGH":
        yield from _passed_through(view, server)
    elif mode == "AUTO_PASSTHROUGH":
        yield from _by_server_name(view, server)
    elif routes is not None:
        names = server_names(spec)
        yield GatewayChain(routes=routes, server_names=names, tls=GatewayTls(settings=tls, http=True), stat_prefix=spec.name or "")
    else:
        yield from _terminated(view, server, tls)


def server_names(server: Server) -> tuple[str, ...]:
    """The names of a server's hosts, without the namespace that may stand before them; nothing where any name will do."""
    return acceptable(h.rpartition("/")[2] for h in server.hosts) or ()


def _bound(server: GatewayServer) -> Iterator[tuple[ResolvedVirtualService, str]]:
    gateway = f"{server.namespace}/{server.owner.name}"
    return ((vs, gateway) for vs in server.virtual_services if shared_hosts(server, vs))


def _here(match: L4MatchAttributes | TLSMatchAttributes, server: GatewayServer, gateway: str) -> bool:
    return (not match.gateways or gateway in match.gateways) and (not match.port or match.port == server.server.port.number)


def _tcp(view: View, server: GatewayServer) -> Iterator[GatewayChain]:
    """The first TCP route that speaks for the port has it; narrower ones by destination address stand before it."""
    for vs, gateway in _bound(server):
        for rule in vs.spec.tcp:
            applying = [m for m in rule.match if _here(m, server, gateway)]
            if not rule.route or (rule.match and not applying):
                continue
            unlimited = not rule.match or any(not m.destination_subnets for m in applying)
            subnets = () if unlimited else prefixes(s for m in applying for s in m.destination_subnets)
            if not unlimited and not subnets:
                continue
            route = spread(view, rule.route, server.server.port.number, f"{vs.owner.name}.{vs.namespace}")
            yield GatewayChain(tcp=route, subnets=subnets)
            if unlimited:
                return


def _terminated(view: View, server: GatewayServer, tls: ServerTLSSettings) -> Iterator[GatewayChain]:
    """TLS ends here and bytes go on as TCP. What the server names say is the server's; the routes are those of TCP."""
    for chain in _tcp(view, server):
        yield GatewayChain(
            tcp=chain.tcp, subnets=chain.subnets, server_names=server_names(server.server), tls=GatewayTls(settings=tls, http=False)
        )


def _passed_through(view: View, server: GatewayServer) -> Iterator[GatewayChain]:
    """TLS goes on as it came, by the server name that the client asks for."""
    taken: set[tuple[tuple[str, ...], str]] = set()
    offered = server_names(server.server)
    for vs, gateway in _bound(server):
        for rule in vs.spec.tls:
            for match in rule.match:
                if not rule.route or not _here(match, server, gateway):
                    continue
                subnets = prefixes(match.destination_subnets)
                wanted = acceptable(match.sni_hosts)
                if wanted is None or bool(subnets) != bool(match.destination_subnets):
                    continue
                free = tuple(n for n in wanted or offered or ("*",) if (subnets, n) not in taken and _offers(offered, n))
                taken.update((subnets, n) for n in free)
                if free:
                    route = spread(view, rule.route, server.server.port.number, f"{vs.owner.name}.{vs.namespace}")
                    names = () if "*" in free else free
                    yield GatewayChain(tcp=route, subnets=subnets, server_names=names, inspects_tls=True)


def _offers(offered: tuple[str, ...], name: str) -> bool:
    return not offered or any(hosts.matches(o, name) for o in offered)


def _by_server_name(view: View, server: GatewayServer) -> Iterator[GatewayChain]:
    """For sidecars of another network: the server name itself says which service, port and subset is meant."""
    offered = server_names(server.server)
    for service in view.services():
        if service.external or not _offers(offered, service.host):
            continue
        rule = view.destination_rule(service.host)
        subsets = ("", *(s.name for s in rule.spec.subsets)) if rule is not None else ("",)
        for port in service.ports:
            for subset in subsets if port.protocol is not Protocol.UDP else ():
                name = dns_srv_cluster(port.number, subset, service.host)
                yield GatewayChain(tcp=to_cluster(name), server_names=(name,), application_protocols=MESH_ALPN, inspects_tls=True)
