"""Which outbound listeners a sidecar needs: one per HTTP port for all services, one per address and port for TCP.

Services are taken oldest first. Where two want the same address and port, HTTP and TCP share a listener (what looks like HTTP is HTTP), two HTTP
services share a route configuration, and of two TCP services that no match tells apart the older one has the port. A port that a Sidecar's egress
listener declares belongs to it alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ostria.api.meta import ObjectKey
from ostria.registry.model import Port, Protocol, Resolution, Service
from ostria.snapshot.view import EgressListener, ResolvedVirtualService, View
from ostria.translate.clusters.dynamic import resolving
from ostria.translate.filters.tcp_proxy import TcpRoute, to_cluster
from ostria.translate.listeners import address as addresses
from ostria.translate.listeners.key import HttpChain, OutboundKey, Scope, TcpChain, VirtualOutboundKey
from ostria.translate.listeners.tcp_routes import Routed, Stop, chains, routing_connections
from ostria.translate.names import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER, listener, outbound_cluster

HTTP_PROXY = "http_proxy"
_SERVER_FIRST = frozenset({Protocol.MYSQL, Protocol.MONGO})


def keys(view: View) -> tuple[VirtualOutboundKey | OutboundKey, ...]:
    scope = Scope(mesh=view.mesh, telemetry=view.telemetry, dynamic=resolving(view), on_demand=view.key.on_demand)
    table = _Table(view, scope)
    for egress in view.egress:
        if egress.port is not None:
            table.declared(egress)
    for egress in view.egress:
        if egress.port is None:
            table.everything_else(egress)
    found: list[VirtualOutboundKey | OutboundKey] = [_virtual(view, scope)] if view.key.captured else []
    found += table.keys()
    if view.key.http_proxy_port:
        found.append(_http_proxy(view, scope))
    return tuple(found)


def rest(view: View) -> TcpRoute:
    """Where connections to unknown addresses go: on to them, to the Sidecar's egress proxy, or nowhere."""
    if not view.outbound_policy.allow_any:
        return to_cluster(BLACK_HOLE_CLUSTER)
    if (proxy := view.outbound_policy.egress_proxy) is None:
        return to_cluster(PASSTHROUGH_CLUSTER)
    return to_cluster(outbound_cluster((proxy.port and proxy.port.number) or 0, proxy.subset or "", proxy.host))


def _virtual(view: View, scope: Scope) -> VirtualOutboundKey:
    everywhere = addresses.wildcards(ipv4=view.key.ipv4, ipv6=view.key.ipv6)
    return VirtualOutboundKey(scope=scope, addresses=everywhere, port=view.mesh.config.proxy_listen_port, rest=rest(view))


def _http_proxy(view: View, scope: Scope) -> OutboundKey:
    """For clients that are told to use a proxy (`http_proxy`): nothing needs to capture them."""
    here, port = addresses.loopbacks(ipv4=view.key.ipv4, ipv6=view.key.ipv6), view.key.http_proxy_port
    chain = HttpChain(routes=HTTP_PROXY, sniffed=False)
    name = listener(here[0], port)
    return OutboundKey(scope=scope, name=name, addresses=here, port=port, bound=True, http=chain, explicit_proxy=True)


@dataclass(slots=True)
class _Entry:
    """A listener while services are added to it. `routes` is its HTTP route configuration, if it has HTTP."""

    addresses: tuple[str, ...]
    port: int
    bound: bool
    routes: str = ""
    sniffed: bool = False
    grpc_web: bool = False
    explicit_proxy: bool = False
    locked: bool = False
    first: Protocol | None = None
    """What the first service here speaks."""
    tcp: list[TcpChain] = field(default_factory=list)
    origins: list[ObjectKey] = field(default_factory=list)

    @property
    def name(self) -> str:
        return listener(self.addresses[0], self.port) if self.port else self.addresses[0]

    def admits(self, protocol: Protocol) -> bool:
        """Where a server speaks first nothing can be found out about its clients, so such a port is not shared with other protocols."""
        self.first = self.first or protocol
        return protocol is self.first or _SERVER_FIRST.isdisjoint((protocol, self.first))

    def add_http(self, routes: str, service: Service, port: Port, *, sniffed: bool) -> None:
        self.routes = self.routes or routes
        self.sniffed = self.sniffed or sniffed or bool(self.tcp)
        self.grpc_web = self.grpc_web or port.protocol is Protocol.GRPC_WEB
        self.origins.append(service.owner)

    def add_tcp(self, found: Iterable[Routed]) -> None:
        """Envoy refuses two chains that match the same: the first one stays."""
        taken = {(c.subnets, name) for c in self.tcp for name in c.server_names or ("",)}
        for routed in found:
            chain = routed.chain
            free = tuple(n for n in chain.server_names or ("",) if (chain.subnets, n) not in taken)
            if not free:
                continue
            taken.update((chain.subnets, n) for n in free)
            kept = TcpChain(route=chain.route, subnets=chain.subnets, server_names=tuple(n for n in free if n))
            self.tcp.append(kept)
            self.origins += routed.origins
        self.sniffed = self.sniffed or bool(self.routes)

    def key(self, scope: Scope, otherwise: TcpRoute) -> OutboundKey:
        http = HttpChain(routes=self.routes, sniffed=self.sniffed, grpc_web=self.grpc_web) if self.routes else None
        takes_all = (http is not None and not http.sniffed) or any(c.matches_all for c in self.tcp)
        return OutboundKey(
            scope=scope,
            name=self.name,
            addresses=self.addresses,
            port=self.port,
            bound=self.bound,
            http=http,
            tcp=tuple(self.tcp),
            rest=otherwise if not takes_all and addresses.is_any(self.addresses[0]) else None,
            explicit_proxy=self.explicit_proxy,
            origins=tuple(dict.fromkeys(self.origins)),
        )


class _Table:
    """The listeners of one sidecar by name."""

    def __init__(self, view: View, scope: Scope) -> None:
        self._view = view
        self._scope = scope
        self._entries: dict[str, _Entry] = {}
        self._declared: set[int] = set()
        family = view.key
        self._everywhere = addresses.wildcards(ipv4=family.ipv4, ipv6=family.ipv6)
        self._here = addresses.loopbacks(ipv4=family.ipv4, ipv6=family.ipv6)

    def keys(self) -> Iterator[OutboundKey]:
        otherwise = rest(self._view)
        for entry in self._entries.values():
            yield entry.key(self._scope, otherwise)

    def declared(self, egress: EgressListener) -> None:
        """An egress listener with a port: every service in it is reached through that port."""
        assert egress.port is not None
        bound = not (egress.captured and self._view.key.captured) or addresses.is_unix(egress.bind)
        bind = (egress.bind,) if egress.bind else self._here if bound else ()
        if egress.port.protocol is Protocol.HTTP_PROXY:
            self._proxy(egress, egress.port, bind or self._everywhere, bound)
        source = _Source(egress=egress, speakers=routing_connections(egress.virtual_services))
        for service in egress.services:
            self._add(service, egress.port, bind, source, bound)
        self._declared.add(egress.port.number)
        for entry in self._entries.values():
            entry.locked = True

    def everything_else(self, egress: EgressListener) -> None:
        """Without capture nothing can reach these but by their own ports, which only one workload on a machine could open: the proxy port serves all."""
        bound = not (egress.captured and self._view.key.captured)
        if bound and self._view.key.http_proxy_port:
            return
        bind = (egress.bind,) if egress.bind else self._here if bound else ()
        source = _Source(egress=egress, speakers=routing_connections(egress.virtual_services))
        for service in egress.services:
            for port in service.ports:
                self._add(service, port, bind, source, bound)

    def _proxy(self, egress: EgressListener, port: Port, bind: tuple[str, ...], bound: bool) -> None:
        entry = self._entry(bind, port.number, bound)
        if entry is not None and not entry.routes:
            entry.routes, entry.explicit_proxy = str(port.number) if port.number else egress.bind, True

    def _entry(self, bind: tuple[str, ...], port: int, bound: bool) -> _Entry | None:
        """The listener there, made if it is missing; None if an earlier egress listener has it."""
        entry = _Entry(bind, port, bound)
        found = self._entries.setdefault(entry.name, entry)
        return None if found.locked else found

    def _add(self, service: Service, port: Port, bind: tuple[str, ...], source: "_Source", bound: bool) -> None:
        if port.protocol is Protocol.UDP or (source.egress.port is None and port.number in self._declared and not port.protocol.is_tcp):
            return
        if port.protocol.is_http:
            where = bind or self._everywhere
            entry = self._entry(where, port.number, bound)
            if entry is not None and not entry.explicit_proxy and entry.admits(port.protocol):
                entry.add_http(_shared_routes(port, bind), service, port, sniffed=addresses.is_any(where[0]) and not bound)
            return
        for place in self._places(service, port, bind):
            self._add_at(place, service, port, source, bound)

    def _add_at(self, place: "_Place", service: Service, port: Port, source: "_Source", bound: bool) -> None:
        entry = self._entry(place.bind, port.number, bound)
        if entry is None or entry.explicit_proxy or not entry.admits(port.protocol):
            return
        if port.protocol is Protocol.AUTO:
            own = place.address and not addresses.is_unix(place.address) and source.egress.port is None
            routes = f"{service.host}:{port.number}" if own else _shared_routes(port, place.bind)
            entry.add_http(routes, service, port, sniffed=True)
        stop = Stop(service=service, port=port, listened=port.number, subnet=place.subnet, by_name=place.by_name)
        entry.add_tcp(chains(self._view, stop, source.speakers))

    def _places(self, service: Service, port: Port, bind: tuple[str, ...]) -> Iterator["_Place"]:
        """The addresses on which the port is listened for."""
        if bind:
            yield _Place(bind=bind, by_name=addresses.is_any(bind[0]))
            return
        own = self._addresses(service)
        for one in own:
            if addresses.is_prefix(one):
                yield _Place(bind=self._everywhere, subnet=one, by_name=True)
            else:
                yield _Place(bind=(one,), address=one)
        if own:
            return
        if not _reached_by_endpoint(service):
            yield _Place(bind=self._everywhere, by_name=True)
            return
        for one in self._endpoint_addresses(service, port):
            yield _Place(bind=(one,), address=one)

    def _addresses(self, service: Service) -> tuple[str, ...]:
        key = self._view.key
        allocated = service.auto_addresses if key.dns_capture or key.dns_auto_allocate else ()
        wanted = service.addresses or allocated
        return tuple(dict.fromkeys(addresses.usable(wanted, ipv4=key.ipv4, ipv6=key.ipv6)))

    def _endpoint_addresses(self, service: Service, port: Port) -> tuple[str, ...]:
        key = self._view.key
        endpoints = self._view.endpoints(service, service.port(port.number) or port).endpoints
        return tuple(dict.fromkeys(addresses.usable((e.address for e in endpoints), ipv4=key.ipv4, ipv6=key.ipv6)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """An egress listener, and those of its VirtualServices that route connections."""

    egress: EgressListener
    speakers: tuple[ResolvedVirtualService, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    bind: tuple[str, ...]
    address: str = ""
    """The service's own address, if the listener is for it alone."""
    subnet: str = ""
    by_name: bool = False


def _reached_by_endpoint(service: Service) -> bool:
    """Clients dial the endpoints themselves: those of a headless service, or those that an entry without addresses selects."""
    return service.headless or (service.resolution is Resolution.PASSTHROUGH and bool(service.selector))


def _shared_routes(port: Port, bind: tuple[str, ...]) -> str:
    return str(port.number) if port.number else bind[0]
