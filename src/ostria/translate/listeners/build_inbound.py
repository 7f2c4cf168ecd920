"""Inbound listeners as messages: what reaches the workload, what ends TLS for it, and which policies stand before the app.

Where traffic is captured there is one listener for all ports, and a chain is chosen by the port that was dialled; ports that no service declares pass
through to the app under the same policies.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from envoy.config.core.v3.base_pb2 import TrafficDirection, TransportSocket
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener

from ostria.api.meta import ObjectKey
from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.scalars import Duration
from ostria.registry.model import MtlsMode, Protocol
from ostria.snapshot.view import Inbound, InboundPort
from ostria.translate.built import Built
from ostria.translate.clusters.stat_name import delimited
from ostria.translate.filters.access_log import Layer, access_logs
from ostria.translate.filters.http_chain import http_filters
from ostria.translate.filters.http_manager import HttpRoutes, http_manager
from ostria.translate.filters.policies import http_policies, owners, tcp_policies
from ostria.translate.filters.proto import flag, nanoseconds
from ostria.translate.filters.server_tls import server_context
from ostria.translate.filters.side import Side
from ostria.translate.filters.tcp_proxy import TcpRoute, tcp_proxy, to_cluster
from ostria.translate.filters.tls import HTTP_ALPN, TCP_ALPN, mesh_server
from ostria.translate.listeners import address, listener_filters
from ostria.translate.listeners.chain import TLS, chain, match
from ostria.translate.listeners.inbound_matches import Match, inspects_http, inspects_tls, matches
from ostria.translate.listeners.key import InboundPortKey, VirtualInboundKey
from ostria.translate.names import BLACK_HOLE_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER, VIRTUAL_INBOUND, inbound_cluster
from ostria.translate.names import listener as listener_name
from ostria.translate.routes.inbound import inbound_route

LOOP_GUARD = "virtualInbound-blackhole"
CATCH_ALL_HTTP = "virtualInbound-catchall-http"
DETECTION_TIMEOUT = 1_000_000_000
"""Nanoseconds for a client to speak first; after that the connection is opaque. Servers that speak first wait this long on ports that sniff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where chains lead. `port` is the port they match (0: any); `declared` is the service port behind it, if there is one."""

    cluster: str
    name: str
    port: int
    protocol: Protocol
    mode: MtlsMode
    declared: InboundPort | None = None
    pool: ConnectionPoolSettings | None = None

    @property
    def chains(self) -> tuple[Match, ...]:
        return matches(self.protocol, self.mode)

    @property
    def sees_tls(self) -> bool:
        return inspects_tls(self.chains) or self.ends_user_tls

    @property
    def ends_user_tls(self) -> bool:
        """A Sidecar's ingress TLS serves callers from outside the mesh, so never a STRICT port."""
        return self.declared is not None and self.declared.tls is not None and self.mode is not MtlsMode.STRICT


def virtual_inbound(key: VirtualInboundKey) -> Built:
    inbound = key.inbound
    port = inbound.mesh.config.proxy_inbound_listen_port
    listener = _listener(inbound, VIRTUAL_INBOUND, address.wildcards(ipv4=inbound.ipv4, ipv6=inbound.ipv6), port)
    if inbound.tproxy:
        listener.transparent.CopyFrom(flag(True))
    guard = chain([_tcp(inbound, to_cluster(BLACK_HOLE_CLUSTER))], match(port=port), name=LOOP_GUARD)
    listener.filter_chains.append(guard)
    targets = [*_passthrough(inbound), *(_declared(inbound, p, p.target) for p in inbound.ports)]
    for target in targets:
        listener.filter_chains.extend(_chains(inbound, target))
    listener.listener_filters.append(listener_filters.original_dst())
    if inbound.tproxy:
        listener.listener_filters.append(listener_filters.original_src())
    listener.listener_filters.extend(_inspectors(targets))
    _wait(listener, inbound)
    return Built(VIRTUAL_INBOUND, listener, _origins(inbound, inbound.ports))


def inbound_port(key: InboundPortKey) -> Built:
    name = listener_name(key.addresses[0], key.port.target)
    listener = _listener(key.inbound, name, key.addresses, key.port.target)
    target = _declared(key.inbound, key.port, 0)
    listener.filter_chains.extend(_chains(key.inbound, target))
    listener.listener_filters.extend(_inspectors([target]))
    _wait(listener, key.inbound)
    return Built(name, listener, _origins(key.inbound, (key.port,)))


def _listener(inbound: Inbound, name: str, addresses: tuple[str, ...], port: int) -> Listener:
    logs = access_logs(inbound.mesh.config, inbound.telemetry, Side.INBOUND, Layer.LISTENER)
    listener = Listener(name=name, traffic_direction=TrafficDirection.INBOUND, access_log=logs)
    address.bind(listener, addresses, port)
    return listener


def _origins(inbound: Inbound, ports: tuple[InboundPort, ...]) -> tuple[ObjectKey, ...]:
    return tuple(dict.fromkeys((*(p.service.owner for p in ports), *owners(inbound.security), *inbound.telemetry.owners)))


def _passthrough(inbound: Inbound) -> Iterator[_Target]:
    """Ports that no service declares: those that a policy names, and all others."""
    declared = {p.target for p in inbound.ports}
    special = [(port, mode) for port, mode in inbound.port_mtls if port not in declared]
    for port, mode in (*special, (0, inbound.mtls)):
        yield _Target(
            cluster=INBOUND_PASSTHROUGH_CLUSTER,
            name=listener_name(address.ANY_V4, port) if port else VIRTUAL_INBOUND,
            port=port,
            protocol=Protocol.AUTO,
            mode=mode,
            pool=inbound.connection_pool,
        )


def _declared(inbound: Inbound, port: InboundPort, matched: int) -> _Target:
    return _Target(
        cluster=inbound_cluster(port.target),
        name=listener_name(address.ANY_V4, port.target),
        port=matched,
        protocol=port.port.protocol,
        mode=port.mtls,
        declared=port,
        pool=port.connection_pool or inbound.connection_pool,
    )


def _chains(inbound: Inbound, target: _Target) -> Iterator[FilterChain]:
    for found in target.chains:
        if target.ends_user_tls and not found.mutual:
            continue
        on = match(port=target.port, transport=found.transport, application_protocols=found.alpn)
        socket = _mutual_tls(inbound, http=found.http) if found.mutual else None
        yield chain(_filters(inbound, target, http=found.http), on, name=_chain_name(target, http=found.http), socket=socket)
    if target.ends_user_tls and target.declared is not None and target.declared.tls is not None:
        http = target.protocol.is_http
        context = server_context(target.declared.tls, inbound.mesh, http=http, gateway=False)
        on = match(port=target.port, transport=TLS)
        yield chain(_filters(inbound, target, http=http), on, name=_chain_name(target, http=http), socket=context)


def _chain_name(target: _Target, *, http: bool) -> str:
    return CATCH_ALL_HTTP if http and target.name == VIRTUAL_INBOUND else target.name


def _mutual_tls(inbound: Inbound, *, http: bool) -> TransportSocket:
    mesh = inbound.mesh
    return mesh_server(mesh.config.mesh_mtls, (mesh.trust_domain, *mesh.trust_domain_aliases), HTTP_ALPN if http else TCP_ALPN)


def _filters(inbound: Inbound, target: _Target, *, http: bool) -> list[Filter]:
    if http:
        return [_http(inbound, target)]
    tcp = target.pool.tcp if target.pool is not None else None
    route = TcpRoute(
        stat_prefix=target.cluster,
        targets=((target.cluster, 1),),
        idle_timeout=Duration.parse(tcp.idle_timeout).nanos if tcp is not None and tcp.idle_timeout else None,
        max_duration=tcp.max_connection_duration.nanos if tcp is not None and tcp.max_connection_duration else None,
    )
    return [*tcp_policies(inbound.security, inbound.mesh), _tcp(inbound, route)]


def _tcp(inbound: Inbound, route: TcpRoute) -> Filter:
    return tcp_proxy(route, access_logs(inbound.mesh.config, inbound.telemetry, Side.INBOUND, Layer.TCP))


def _http(inbound: Inbound, target: _Target) -> Filter:
    declared = target.declared
    host, port = (declared.service.host, declared.port.number) if declared is not None else ("", 0)
    return http_manager(
        side=Side.INBOUND,
        mesh=inbound.mesh.config,
        stat_prefix=delimited(f"inbound_{listener_name(address.ANY_V4, declared.target)}" if declared is not None else target.cluster),
        routes=HttpRoutes(inline=inbound_route(cluster=target.cluster, host=host, port=port)),
        filters=http_filters(
            Side.INBOUND, inbound.mesh.config, http_policies(inbound.security, inbound.mesh), grpc_web=target.protocol is Protocol.GRPC_WEB
        ),
        access_log=access_logs(inbound.mesh.config, inbound.telemetry, Side.INBOUND, Layer.HTTP),
        pool=target.pool.http if target.pool is not None else None,
    )


def _inspectors(targets: list[_Target]) -> Iterator[ListenerFilter]:
    if any(t.sees_tls for t in targets):
        yield listener_filters.tls_inspector(not_on=(t.port for t in targets if t.port and not t.sees_tls))
    if any(inspects_http(t.chains) for t in targets):
        yield listener_filters.http_inspector(not_on=(t.port for t in targets if t.port and not inspects_http(t.chains)))


def _wait(listener: Listener, inbound: Inbound) -> None:
    listener.listener_filters_timeout.CopyFrom(nanoseconds(inbound.mesh.config.protocol_detection_timeout.nanos or DETECTION_TIMEOUT))
    listener.continue_on_listener_filters_timeout = True
