"""Outbound listeners as messages."""

from collections.abc import Iterator

from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import Listener

from ostria.translate.built import Built
from ostria.translate.clusters.stat_name import delimited
from ostria.translate.filters.access_log import Layer, access_logs
from ostria.translate.filters.dynamic import http_resolver, sni_resolver
from ostria.translate.filters.http_chain import http_filters
from ostria.translate.filters.http_manager import HttpRoutes, http_manager
from ostria.translate.filters.on_demand import connection_discovery, request_discovery
from ostria.translate.filters.proto import flag, nanoseconds
from ostria.translate.filters.side import Side
from ostria.translate.filters.tcp_proxy import TcpRoute, tcp_proxy, to_cluster
from ostria.translate.listeners import listener_filters
from ostria.translate.listeners.address import bind
from ostria.translate.listeners.chain import PLAIN_HTTP, RAW, chain, match
from ostria.translate.listeners.key import HttpChain, OutboundKey, Scope, TcpChain, VirtualOutboundKey
from ostria.translate.names import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER, RDS, VIRTUAL_OUTBOUND

CATCH_ALL = "virtualOutbound-catchall-tcp"
LOOP_GUARD = "virtualOutbound-blackhole"


def virtual_outbound(key: VirtualOutboundKey) -> Built:
    """Hands a captured connection to the listener of the address that was dialled; what was sent to this port itself would loop, so it ends."""
    guard = chain([_tcp(key.scope, to_cluster(BLACK_HOLE_CLUSTER))], match(port=key.port), name=LOOP_GUARD)
    rest = chain([_tcp(key.scope, key.rest)], name=CATCH_ALL)
    listener = _listener(key.scope, VIRTUAL_OUTBOUND, key.addresses, key.port)
    listener.use_original_dst.CopyFrom(flag(True))
    listener.filter_chains.extend((guard, rest))
    return Built(VIRTUAL_OUTBOUND, listener, key.scope.telemetry.owners)


def outbound(key: OutboundKey) -> Built:
    listener = _listener(key.scope, key.name, key.addresses, key.port)
    if not key.bound:
        listener.bind_to_port.CopyFrom(flag(False))
    listener.filter_chains.extend(_chains(key))
    if key.rest is not None:
        listener.default_filter_chain.CopyFrom(chain([_tcp(key.scope, key.rest)], name=_rest_name(key.rest)))
    _inspect(listener, key)
    requires = ((RDS, key.http.routes),) if key.http is not None else ()
    return Built(key.name, listener, (*key.origins, *key.scope.telemetry.owners), requires)


def _listener(scope: Scope, name: str, addresses: tuple[str, ...], port: int) -> Listener:
    logs = access_logs(scope.mesh.config, scope.telemetry, Side.OUTBOUND, Layer.LISTENER)
    listener = Listener(name=name, traffic_direction=TrafficDirection.OUTBOUND, access_log=logs)
    bind(listener, addresses, port)
    return listener


def _rest_name(rest: TcpRoute) -> str:
    return rest.stat_prefix if rest.stat_prefix in (PASSTHROUGH_CLUSTER, BLACK_HOLE_CLUSTER) else "EgressProxy"


def _chains(key: OutboundKey) -> Iterator[FilterChain]:
    for tcp in key.tcp:
        yield chain([*sni_resolver(key.scope.mesh, key.scope.dynamic, tcp.route.dynamic_port), _tcp(key.scope, tcp.route)], _tcp_match(tcp))
    if key.http is not None:
        only = match(transport=RAW, application_protocols=PLAIN_HTTP) if key.http.sniffed else None
        yield chain([_http(key, key.http)], only)


def _tcp_match(tcp: TcpChain) -> FilterChainMatch | None:
    return match(subnets=tcp.subnets, server_names=tcp.server_names)


def _tcp(scope: Scope, route: TcpRoute) -> Filter:
    logs = access_logs(scope.mesh.config, scope.telemetry, Side.OUTBOUND, Layer.TCP)
    return tcp_proxy(route, logs, discovery=connection_discovery() if scope.on_demand else None)


def _http(key: OutboundKey, http: HttpChain) -> Filter:
    mesh, telemetry = key.scope.mesh.config, key.scope.telemetry
    filters = http_filters(Side.OUTBOUND, mesh, grpc_web=http.grpc_web, before_router=http_resolver(key.scope.mesh, key.scope.dynamic))
    return http_manager(
        side=Side.OUTBOUND,
        mesh=mesh,
        stat_prefix=delimited(f"outbound_{key.name}"),
        routes=HttpRoutes(name=http.routes),
        filters=(*request_discovery(), *filters) if key.scope.on_demand else filters,
        access_log=access_logs(mesh, telemetry, Side.OUTBOUND, Layer.HTTP),
        explicit_proxy=key.explicit_proxy,
    )


def _inspect(listener: Listener, key: OutboundKey) -> None:
    """Find out server names and HTTP only where a chain asks for it; when the time is over the connection goes on as opaque bytes."""
    if any(c.server_names for c in key.tcp):
        listener.listener_filters.append(listener_filters.tls_inspector())
    if key.http is not None and key.http.sniffed:
        listener.listener_filters.append(listener_filters.http_inspector())
    if listener.listener_filters:
        listener.listener_filters_timeout.CopyFrom(nanoseconds(key.scope.mesh.config.protocol_detection_timeout.nanos))
        listener.continue_on_listener_filters_timeout = True
