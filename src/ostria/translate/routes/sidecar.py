"""Route configurations of a sidecar: one per HTTP port, one per service port whose protocol is found out, and one for explicit proxying."""

from collections.abc import Iterator
from dataclasses import replace

from ostria.registry.model import Port, Protocol
from ostria.snapshot.view import EgressListener, OutboundPolicy, View
from ostria.translate.names import PASSTHROUGH_CLUSTER, outbound_cluster
from ostria.translate.routes.key import Blackhole, Passthrough, RouteConfigKey, VirtualHostKey
from ostria.translate.routes.settings import counts_attempts
from ostria.translate.routes.sources import Sources
from ostria.translate.routes.virtual_hosts import HTTP_PORT, Named, PortHosts

HTTP_PROXY = "http_proxy"
PASSTHROUGH_HOST = "allow_any"
BLACKHOLE_HOST = "block_all"


def keys(view: View) -> tuple[RouteConfigKey, ...]:
    """A port that a Sidecar's egress listener declares belongs to that listener; the catch-all listener has the others."""
    found: dict[str, RouteConfigKey] = {}
    sources = Sources(view)
    declared = {e.port.number for e in view.egress if e.port is not None}
    for listener in view.egress:
        for key in _listener_keys(view, listener, sources, declared):
            found.setdefault(key.name, key)
    return tuple(found.values())


def _listener_keys(view: View, listener: EgressListener, sources: Sources, declared: set[int]) -> Iterator[RouteConfigKey]:
    rest = catch_all(view.outbound_policy, attempt_count=counts_attempts(view))
    match listener.port:
        case None:
            hosts = PortHosts(view, listener, sources)
            for port in sorted(hosts.services.keys() - declared):
                yield from _one_port(hosts, port, rest)
            if view.key.http_proxy_port:
                yield _proxy_key(HTTP_PROXY, PortHosts(view, listener, sources, port_in_domains=True), rest)
        case Port(number=0):
            yield _proxy_key(listener.bind, PortHosts(view, listener, sources, port_in_domains=True), rest)
        case Port(number=number, protocol=Protocol.HTTP_PROXY):
            yield _proxy_key(str(number), PortHosts(view, listener, sources, port_in_domains=True), rest)
        case Port(number=number):
            yield from _one_port(PortHosts(view, listener, sources), number, rest)


def _one_port(hosts: PortHosts, port: int, rest: VirtualHostKey) -> Iterator[RouteConfigKey]:
    """The configuration that all services on the port share, and one apart for each service on it whose listener is its own."""
    all_of_them = list(hosts.on(port))
    in_order = sorted((n.key for n in all_of_them), key=lambda k: k.name)
    yield RouteConfigKey(name=str(port), hosts=(*in_order, rest))
    for named in all_of_them:
        if named.service is not None and (p := named.service.port(port)) is not None and p.protocol is Protocol.AUTO:
            yield RouteConfigKey(name=f"{named.service.host}:{port}", hosts=(replace(named.key, domains=("*",)),), single=True)


def _proxy_key(name: str, hosts: PortHosts, rest: VirtualHostKey) -> RouteConfigKey:
    """For clients that name host and port themselves: the port is part of every domain, and may be left out where it is 80."""
    found = [k for port in sorted(hosts.services) for n in hosts.on(port, orphans=False) if (k := _with_ports_only(n, port)) is not None]
    return RouteConfigKey(name=name, hosts=(*sorted(found, key=lambda k: k.name), rest), ignore_port=False)


def _with_ports_only(named: Named, port: int) -> VirtualHostKey | None:
    if port == HTTP_PORT:
        return named.key
    kept = tuple(d for d in named.key.domains if d.endswith(f":{port}"))
    return replace(named.key, domains=kept) if kept else None


def catch_all(policy: OutboundPolicy, *, attempt_count: bool) -> VirtualHostKey:
    """Where requests to hosts that nobody knows go."""
    if not policy.allow_any:
        return VirtualHostKey(name=BLACKHOLE_HOST, domains=("*",), routes=(Blackhole(),), attempt_count=attempt_count)
    cluster = PASSTHROUGH_CLUSTER
    if (to := policy.egress_proxy) is not None:
        cluster = outbound_cluster((to.port and to.port.number) or 0, to.subset or "", to.host)
    return VirtualHostKey(name=PASSTHROUGH_HOST, domains=("*",), routes=(Passthrough(cluster=cluster),), attempt_count=attempt_count)
