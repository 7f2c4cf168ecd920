"""connectionPool and retryBudget: circuit breakers, timeouts, keepalives.

Without a rule nothing is limited. Istio chose so because Envoy's own limits (3 retries, 1,024 requests) break meshes while pods come and go.
"""

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from ostria.api.networking.connection_pool import ConnectionPoolSettings, HTTPSettings, TcpKeepalive, TCPSettings
from ostria.api.networking.destination_rule import RetryBudget
from ostria.snapshot.view import Mesh
from ostria.translate.clusters.protocol import HttpOptions
from ostria.translate.scalars import duration

UNLIMITED = 2**32 - 1
_BUDGET_PERCENT = 20.0
_BUDGET_CONCURRENCY = 3


def apply(cluster: Cluster, options: HttpOptions, mesh: Mesh, pool: ConnectionPoolSettings | None, budget: RetryBudget | None) -> None:
    http = (pool.http if pool is not None else None) or HTTPSettings()
    tcp = (pool.tcp if pool is not None else None) or TCPSettings()
    cluster.circuit_breakers.thresholds.append(_thresholds(http, tcp, budget))
    cluster.connect_timeout.CopyFrom(duration(tcp.connect_timeout or mesh.config.connect_timeout))
    _keepalive(cluster, tcp.tcp_keepalive or mesh.config.tcp_keepalive)
    _connections(options, http, tcp)
    if http.use_client_protocol:
        options.as_downstream()


def _thresholds(http: HTTPSettings, tcp: TCPSettings, budget: RetryBudget | None) -> CircuitBreakers.Thresholds:
    """Zero means unset, as in Istio, which cannot tell the two apart."""
    thresholds = CircuitBreakers.Thresholds(track_remaining=True)
    thresholds.max_connections.value = tcp.max_connections or UNLIMITED
    thresholds.max_pending_requests.value = http.http1_max_pending_requests or UNLIMITED
    thresholds.max_requests.value = http.http2_max_requests or UNLIMITED
    thresholds.max_retries.value = http.max_retries or UNLIMITED
    if budget is not None:
        thresholds.retry_budget.budget_percent.value = _BUDGET_PERCENT if budget.percent is None else budget.percent
        thresholds.retry_budget.min_retry_concurrency.value = budget.min_retry_concurrency or _BUDGET_CONCURRENCY
    return thresholds


def _keepalive(cluster: Cluster, keepalive: TcpKeepalive | None) -> None:
    if keepalive is None:
        return
    settings = cluster.upstream_connection_options.tcp_keepalive
    settings.SetInParent()
    if keepalive.probes:
        settings.keepalive_probes.value = keepalive.probes
    if keepalive.time is not None:
        settings.keepalive_time.value = int(keepalive.time.seconds)
    if keepalive.interval is not None:
        settings.keepalive_interval.value = int(keepalive.interval.seconds)


def _connections(options: HttpOptions, http: HTTPSettings, tcp: TCPSettings) -> None:
    common = options.message.common_http_protocol_options
    idle = http.idle_timeout if http.idle_timeout is not None else tcp.idle_timeout
    if idle is not None:
        common.idle_timeout.CopyFrom(duration(idle))
    if tcp.max_connection_duration is not None:
        common.max_connection_duration.CopyFrom(duration(tcp.max_connection_duration))
    if http.max_requests_per_connection:
        common.max_requests_per_connection.value = http.max_requests_per_connection
    if options.is_http2:
        _http2(options, http)


def _http2(options: HttpOptions, http: HTTPSettings) -> None:
    http2 = options.message.explicit_http_config.http2_protocol_options
    if http.max_concurrent_streams:
        http2.max_concurrent_streams.value = http.max_concurrent_streams
    ping = http.http2_keep_alive
    if ping is None:
        return
    if ping.interval is not None:
        http2.connection_keepalive.interval.CopyFrom(duration(ping.interval))
    if ping.timeout is not None:
        http2.connection_keepalive.timeout.CopyFrom(duration(ping.timeout))
