"""TCP and TLS routes of a sidecar: where connections to one service port go, as chains of a filter chain match and a route.

What a VirtualService says is tried first, in its order. A match is settled here as far as the view can (gateway, port, client's labels and namespace);
what only a connection can tell (server name, destination address) becomes the chain's own match. Of chains with the same match the first one counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ostria.api.meta import ObjectKey
from ostria.api.networking.virtual_service import L4MatchAttributes, RouteDestination, TLSMatchAttributes
from ostria.api.scalars import Duration
from ostria.registry import hosts
from ostria.registry.model import Host, Port, Resolution, Service
from ostria.snapshot.view import ResolvedVirtualService, View
from ostria.translate import traffic_policy
from ostria.translate.filters.tcp_proxy import TcpRoute, Tunnel
from ostria.translate.listeners.address import family
from ostria.translate.listeners.chain import acceptable
from ostria.translate.listeners.key import TcpChain
from ostria.translate.names import outbound_cluster

MESH = "mesh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A chain, and the objects that it came from."""

    chain: TcpChain
    origins: tuple[ObjectKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The service port that a connection was made to. `subnet`: the service's addresses are a range; `by_name`: only the server name tells it."""

    service: Service
    port: Port
    listened: int
    """The port of the listener; 0 for a Unix socket."""
    subnet: str = ""
    by_name: bool = False

    @property
    def target(self) -> int:
        """A service with one port is reached on it, whichever port the listener has."""
        return self.service.ports[0].number if len(self.service.ports) == 1 else self.port.number


def routing_connections(virtual_services: Iterable[ResolvedVirtualService]) -> tuple[ResolvedVirtualService, ...]:
    """The others route requests only, and no listener knows of them."""
    return tuple(vs for vs in virtual_services if vs.spec.tcp or vs.spec.tls)


def speaking_for(host: Host, virtual_services: Sequence[ResolvedVirtualService]) -> Iterator[ResolvedVirtualService]:
    for vs in virtual_services:
        if any(hosts.covers(pattern.lower(), host) for pattern in vs.spec.hosts):
            yield vs


def chains(view: View, stop: Stop, virtual_services: Sequence[ResolvedVirtualService]) -> Iterator[Routed]:
    speakers = tuple(speaking_for(stop.service.host, virtual_services))
    if stop.port.protocol.is_tls:
        yield from _tls_chains(view, stop, speakers)
    else:
        yield from _tcp_chains(view, stop, speakers)


def _tls_chains(view: View, stop: Stop, speakers: Sequence[ResolvedVirtualService]) -> Iterator[Routed]:
    found = False
    for vs in speakers:
        for index, rule in enumerate(vs.spec.tls):
            for match in rule.match:
                if not rule.route or not _applies(view, match, stop.listened):
                    continue
                found = True
                names, subnets = acceptable(match.sni_hosts), _subnets(match.destination_subnets, stop)
                if names is None or subnets is None:
                    continue
                chain = TcpChain(route=weighted(view, rule.route, stop, vs), subnets=subnets, server_names=names)
                yield Routed(chain=chain, origins=(vs.rule("tls", index), *_rule_owners(view, rule.route)))
    if not found:
        names = acceptable((stop.service.host, *stop.service.aliases)) if stop.by_name or stop.subnet else ()
        if names is not None:
            yield _to_service(view, stop, names)


def _tcp_chains(view: View, stop: Stop, speakers: Sequence[ResolvedVirtualService]) -> Iterator[Routed]:
    for vs in speakers:
        for index, rule in enumerate(vs.spec.tcp):
            applying = [m for m in rule.match if _applies(view, m, stop.listened)]
            if not rule.route or (rule.match and not applying):
                continue
            unlimited = not rule.match or not stop.listened or any(not m.destination_subnets for m in applying)
            given = () if unlimited else tuple(s for m in applying for s in m.destination_subnets)
            if (subnets := _subnets(given, stop)) is None:
                continue
            origins = (vs.rule("tcp", index), *_rule_owners(view, rule.route))
            yield Routed(chain=TcpChain(route=weighted(view, rule.route, stop, vs), subnets=subnets), origins=origins)
            if unlimited:
                return
    yield _to_service(view, stop, ())


def _subnets(given: Sequence[str], stop: Stop) -> tuple[str, ...] | None:
    """None if prefixes are given and none of them is one: a chain that matches everything would be more than was asked for."""
    if given and stop.listened:
        return prefixes(given) or None
    return (stop.subnet,) if stop.subnet else ()


def prefixes(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({s for s in given if family(s) is not None}))


def _to_service(view: View, stop: Stop, server_names: Sequence[str]) -> Routed:
    route = single(view, stop.service.host, stop.target, "")
    subnets = (stop.subnet,) if stop.subnet else ()
    chain = TcpChain(route=route, subnets=subnets, server_names=tuple(server_names))
    return Routed(chain=chain, origins=(stop.service.owner, *_owners(view, stop.service.host)))


def _applies(view: View, match: TLSMatchAttributes | L4MatchAttributes, port: int) -> bool:
    """All that is known before a connection is made."""
    labels = dict(view.key.labels)
    return (
        (not match.gateways or MESH in match.gateways)
        and (not match.port or match.port == port)
        and (not match.source_namespace or match.source_namespace == view.key.namespace)
        and all(labels.get(k) == v for k, v in match.source_labels.items())
    )


def destination_port(view: View, route: RouteDestination, listened: int) -> int:
    """The port that is named; else the only one there is; else the listener's."""
    if (named := route.destination.port) is not None and named.number:
        return named.number
    service = view.service(Host(route.destination.host))
    return service.ports[0].number if service is not None and len(service.ports) == 1 else listened


def weighted(view: View, routes: Sequence[RouteDestination], stop: Stop, vs: ResolvedVirtualService) -> TcpRoute:
    return spread(view, routes, stop.port.number, f"{vs.owner.name}.{vs.namespace}")


def spread(view: View, routes: Sequence[RouteDestination], listened: int, stat_prefix: str) -> TcpRoute:
    """One destination, or several by weight; those of weight 0 get nothing, unless they are alone."""
    chosen = [r for r in routes if r.weight] or list(routes[:1])
    if len(chosen) == 1:
        only = chosen[0]
        return single(view, only.destination.host, destination_port(view, only, listened), only.destination.subset or "")
    targets = tuple(
        (outbound_cluster(destination_port(view, r, listened), r.destination.subset or "", r.destination.host), r.weight or 0)
        for r in chosen
    )
    # Timeouts, stickiness and tunnel belong to the connection, not to a destination: the first one's rule decides, as in Istio.
    first = single(view, routes[0].destination.host, destination_port(view, routes[0], listened), "")
    return replace(first, stat_prefix=stat_prefix, targets=targets, dynamic_port=0)


def single(view: View, host: str, port: int, subset: str) -> TcpRoute:
    """Connections to one cluster, with the timeouts, stickiness and tunnel of the destination's rule."""
    cluster = outbound_cluster(port, subset, host)
    rule = view.destination_rule(Host(host))
    policy = traffic_policy.resolve(rule.spec if rule is not None else None, port, subset)
    tcp = policy.connection_pool.tcp if policy.connection_pool is not None else None
    sticky = policy.load_balancer.consistent_hash if policy.load_balancer is not None else None
    tunnel = None
    if policy.tunnel is not None:
        authority = f"{policy.tunnel.target_host}:{policy.tunnel.target_port}"
        tunnel = Tunnel(authority=authority, post=(policy.tunnel.protocol or "").upper() == "POST")
    return TcpRoute(
        stat_prefix=cluster,
        targets=((cluster, 1),),
        idle_timeout=Duration.parse(tcp.idle_timeout).nanos if tcp is not None and tcp.idle_timeout else None,
        max_duration=tcp.max_connection_duration.nanos if tcp is not None and tcp.max_connection_duration else None,
        hash_source_ip=bool(sticky and sticky.use_source_ip),
        tunnel=tunnel,
        dynamic_port=port if (service := view.service(Host(host))) is not None and service.resolution is Resolution.DYNAMIC_DNS else 0,
    )


def _owners(view: View, host: str) -> tuple[ObjectKey, ...]:
    rule = view.destination_rule(Host(host))
    return rule.owners if rule is not None else ()


def _rule_owners(view: View, routes: Sequence[RouteDestination]) -> tuple[ObjectKey, ...]:
    return tuple(owner for r in routes for owner in _owners(view, r.destination.host))
