"""The HTTP connection manager with Istio's settings, which differ by the side that it stands on.

What a caller claims in headers is believed by side: a sidecar passes on what its app or its authenticated peer says, a gateway replaces it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager, HttpFilter, Rds
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import PreserveCaseFormatterConfig
from google.protobuf.duration_pb2 import Duration

from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.mesh.proxy_config import ProxyHeaders, SetCurrentClientCertDetails
from ostria.api.networking.connection_pool import HTTPSettings
from ostria.translate.filters.proto import flag, nanoseconds, number, pack
from ostria.translate.filters.side import Side

NAME = "envoy.filters.network.http_connection_manager"
SERVER_NAME = "istio-envoy"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRoutes:
    """By name over RDS, or inline: exactly one."""

    name: str = ""
    inline: RouteConfiguration | None = None


def http_manager(
    *,
    side: Side,
    mesh: MeshConfig,
    stat_prefix: str,
    routes: HttpRoutes,
    filters: Iterable[HttpFilter],
    access_log: Iterable[AccessLog],
    pool: HTTPSettings | None = None,
    explicit_proxy: bool = False,
) -> Filter:
    """`pool` is the server's own connection pool settings; `explicit_proxy`: clients name the whole URL, as they do to a proxy."""
    manager = HttpConnectionManager(
        stat_prefix=stat_prefix,
        http_filters=filters,
        access_log=access_log,
        stream_idle_timeout=Duration(),
        use_remote_address=flag(side is Side.GATEWAY),
        proxy_100_continue=True,
        upgrade_configs=[HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
    )
    _route(manager, routes)
    _normalize(manager, side, mesh.path_normalization.normalization)
    _client_certificate(manager, side, mesh)
    _headers(manager, side, mesh.default_config.proxy_headers)
    _connections(manager, pool)
    if side is Side.GATEWAY:
        manager.xff_num_trusted_hops = mesh.default_config.gateway_topology.num_trusted_proxies
    if explicit_proxy:
        manager.http_protocol_options.allow_absolute_url.CopyFrom(flag(True))
    return Filter(name=NAME, typed_config=pack(manager))


def _route(manager: HttpConnectionManager, routes: HttpRoutes) -> None:
    if routes.inline is not None:
        manager.route_config.CopyFrom(routes.inline)
        return
    source = ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3, initial_fetch_timeout=Duration())
    manager.rds.CopyFrom(Rds(route_config_name=routes.name, config_source=source))


def _normalize(manager: HttpConnectionManager, side: Side, wanted: str) -> None:
    """Paths become what the app will see before any policy reads them. Where nothing is configured a gateway also merges slashes."""
    if wanted == "DEFAULT":
        wanted = "MERGE_SLASHES" if side is Side.GATEWAY else "BASE"
    manager.normalize_path.CopyFrom(flag(wanted != "NONE"))
    manager.merge_slashes = wanted in ("MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
    actions = HttpConnectionManager.PathWithEscapedSlashesAction
    decode = wanted == "DECODE_AND_MERGE_SLASHES"
    manager.path_with_escaped_slashes_action = actions.UNESCAPE_AND_FORWARD if decode else actions.KEEP_UNCHANGED


def _client_certificate(manager: HttpConnectionManager, side: Side, mesh: MeshConfig) -> None:
    """`x-forwarded-client-cert`: a server sidecar appends who called; a gateway sets it anew; a client sidecar never lets its app's through."""
    forward = HttpConnectionManager
    headers = mesh.default_config.proxy_headers
    match side:
        case Side.OUTBOUND:
            manager.forward_client_cert_details = forward.SANITIZE
            return
        case Side.INBOUND:
            wanted, details = (
                headers.forwarded_client_cert or "APPEND_FORWARD",
                SetCurrentClientCertDetails(subject=True, uri=True, dns=True),
            )
        case Side.GATEWAY:
            wanted = mesh.default_config.gateway_topology.forward_client_cert_details or headers.forwarded_client_cert or "SANITIZE_SET"
            details = SetCurrentClientCertDetails(subject=True, cert=True, uri=True, dns=True)
    if wanted == "UNDEFINED":
        wanted = "SANITIZE_SET" if side is Side.GATEWAY else "APPEND_FORWARD"
    manager.forward_client_cert_details = forward.ForwardClientCertDetails.Value(wanted)
    if wanted in ("APPEND_FORWARD", "SANITIZE_SET"):
        _current_details(manager, headers.set_current_client_cert_details or details)


def _current_details(manager: HttpConnectionManager, details: SetCurrentClientCertDetails) -> None:
    current = manager.set_current_client_cert_details
    current.SetInParent()
    current.subject.CopyFrom(flag(details.subject is not False))
    current.cert = bool(details.cert)
    current.chain = bool(details.chain)
    current.dns = details.dns is not False
    current.uri = details.uri is not False


def _headers(manager: HttpConnectionManager, side: Side, headers: ProxyHeaders) -> None:
    """Responses of a server and of a gateway come from `istio-envoy`; a client sidecar calls itself `envoy`, as Istio's does."""
    server = headers.server
    manager.server_name = (server.value if server else "") or ("" if side is Side.OUTBOUND else SERVER_NAME)
    if server is not None and server.disabled:
        manager.server_header_transformation = HttpConnectionManager.PASS_THROUGH
    if headers.request_id is not None and headers.request_id.disabled:
        manager.generate_request_id.CopyFrom(flag(False))
    manager.append_x_forwarded_port = headers.x_forwarded_port is not None and not headers.x_forwarded_port.disabled
    if headers.preserve_http1_header_case:
        manager.http_protocol_options.CopyFrom(_preserve_case())


def _preserve_case() -> Http1ProtocolOptions:
    options = Http1ProtocolOptions()
    options.header_key_format.stateful_formatter.name = "preserve_case"
    options.header_key_format.stateful_formatter.typed_config.CopyFrom(pack(PreserveCaseFormatterConfig()))
    return options


def _connections(manager: HttpConnectionManager, pool: HTTPSettings | None) -> None:
    """Limits of the server's side, from the Sidecar's connection pool settings."""
    if pool is None:
        return
    if pool.idle_timeout is not None:
        manager.common_http_protocol_options.idle_timeout.CopyFrom(nanoseconds(pool.idle_timeout.nanos))
    if pool.max_requests_per_connection:
        manager.common_http_protocol_options.max_requests_per_connection.CopyFrom(number(pool.max_requests_per_connection))
    if pool.max_concurrent_streams:
        manager.http2_protocol_options.max_concurrent_streams.CopyFrom(number(pool.max_concurrent_streams))
    if (alive := pool.http2_keep_alive) is not None and alive.interval is not None:
        manager.http2_protocol_options.connection_keepalive.interval.CopyFrom(nanoseconds(alive.interval.nanos))
        timeout = alive.timeout.nanos if alive.timeout is not None else 10_000_000_000
        manager.http2_protocol_options.connection_keepalive.timeout.CopyFrom(nanoseconds(timeout))
