"""Gateway listeners as messages: a chain per server, told apart by server name."""

from collections.abc import Iterator

from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener

from ostria.translate.built import Built
from ostria.translate.clusters.stat_name import delimited
from ostria.translate.filters.access_log import Layer, access_logs
from ostria.translate.filters.dynamic import http_resolver, sni_resolver
from ostria.translate.filters.http_chain import http_filters
from ostria.translate.filters.http_manager import HttpRoutes, http_manager
from ostria.translate.filters.policies import http_policies, owners, tcp_policies
from ostria.translate.filters.server_tls import secrets, server_context
from ostria.translate.filters.side import Side
from ostria.translate.filters.tcp_proxy import tcp_proxy
from ostria.translate.listeners import listener_filters
from ostria.translate.listeners.address import bind
from ostria.translate.listeners.chain import chain, match
from ostria.translate.listeners.key import GatewayChain, GatewayKey
from ostria.translate.names import RDS


def gateway(key: GatewayKey) -> Built:
    """A server whose TLS settings can't be honoured has no chain: its clients are refused, its neighbours go on."""
    mesh, telemetry = key.scope.mesh, key.scope.telemetry
    listener = Listener(
        name=key.name,
        traffic_direction=TrafficDirection.OUTBOUND,
        access_log=access_logs(mesh.config, telemetry, Side.GATEWAY, Layer.LISTENER),
    )
    bind(listener, key.addresses, key.port)
    listener.filter_chains.extend(_chains(key))
    if key.proxy_protocol:
        listener.listener_filters.append(listener_filters.proxy_protocol(required=key.proxy_protocol_required))
    if any(c.tls is not None or c.inspects_tls or c.server_names for c in key.chains):
        listener.listener_filters.append(listener_filters.tls_inspector())
    return Built(key.name, listener, (*key.origins, *owners(key.security), *telemetry.owners), tuple(dict.fromkeys(_requires(key))))


def _requires(key: GatewayKey) -> Iterator[tuple[str, str]]:
    for one in key.chains:
        if one.routes:
            yield RDS, one.routes
        if one.tls is not None:
            yield from secrets(one.tls.settings)


def _chains(key: GatewayKey) -> Iterator[FilterChain]:
    for one in key.chains:
        try:
            socket = server_context(one.tls.settings, key.scope.mesh, http=one.tls.http, gateway=True) if one.tls is not None else None
        except ValueError:
            continue
        on = match(subnets=one.subnets, server_names=one.server_names, application_protocols=one.application_protocols)
        yield chain(_filters(key, one), on, name=one.name, socket=socket)


def _filters(key: GatewayKey, one: GatewayChain) -> list[Filter]:
    mesh, telemetry = key.scope.mesh, key.scope.telemetry
    if one.tcp is not None:
        logs = access_logs(mesh.config, telemetry, Side.GATEWAY, Layer.TCP)
        return [*tcp_policies(key.security, mesh), *sni_resolver(mesh, key.scope.dynamic, one.tcp.dynamic_port), tcp_proxy(one.tcp, logs)]
    manager = http_manager(
        side=Side.GATEWAY,
        mesh=mesh.config,
        stat_prefix=one.stat_prefix or delimited(f"outbound_{key.name}"),
        routes=HttpRoutes(name=one.routes),
        filters=http_filters(
            Side.GATEWAY,
            mesh.config,
            http_policies(key.security, mesh, clear_routes=True),
            grpc_web=one.grpc_web,
            before_router=http_resolver(mesh, key.scope.dynamic),
        ),
        access_log=access_logs(mesh.config, telemetry, Side.GATEWAY, Layer.HTTP),
    )
    return [manager]
