"""Traffic policies: load balancing, connection pools, outlier detection, tunnels."""

from collections.abc import Iterator
from math import isqrt

from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.networking.destination_rule import (
    ConsistentHashLB,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    TrafficPolicy,
    TunnelSettings,
)
from ostria.api.problem import Issue
from ostria.api.scalars import Duration
from ostria.config.validate.locality import locality_issues
from ostria.config.validate.names import duration_issues, is_fqdn, is_ip, port_issues, under, warning
from ostria.config.validate.tls import client_tls_issues

_LARGEST_TABLE = 5_000_011


def traffic_policy_issues(policy: TrafficPolicy | None) -> Iterator[Issue]:
    if policy is None:
        return
    if policy == TrafficPolicy():
        yield Issue((), "the traffic policy is empty", "set a field of it, or leave it out")
    if policy.tunnel is not None and policy.proxy_protocol is not None:
        yield Issue(("tunnel",), "tunnel and proxyProtocol exclude each other")
    yield from _parts(policy)
    seen: set[int] = set()
    for index, settings in enumerate(policy.port_level_settings):
        yield from under(("portLevelSettings", index), _port_level(settings, seen))
    if policy.tunnel is not None:
        yield from under(("tunnel",), _tunnel(policy.tunnel))
    if policy.retry_budget is not None and policy.retry_budget.percent is not None and not 0 <= policy.retry_budget.percent <= 100:
        yield Issue(("retryBudget", "percent"), f"{policy.retry_budget.percent} is not a percentage", "write a number from 0 to 100")


def _parts(policy: TrafficPolicy | PortTrafficPolicy) -> Iterator[Issue]:
    yield from under(("connectionPool",), connection_pool_issues(policy.connection_pool))
    yield from under(("outlierDetection",), _outlier(policy.outlier_detection))
    yield from under(("loadBalancer",), _load_balancer(policy.load_balancer, policy.outlier_detection))
    yield from under(("tls",), client_tls_issues(policy.tls))


def _port_level(settings: PortTrafficPolicy, seen: set[int]) -> Iterator[Issue]:
    if settings.port is None or settings.port.number is None:
        yield Issue((), "the settings name no port", "add port: {number: …}")
    else:
        yield from port_issues(settings.port.number, ("port", "number"))
        if settings.port.number in seen:
            yield warning(("port", "number"), f"port {settings.port.number} has settings already; the first ones count")
        seen.add(settings.port.number)
    if settings == PortTrafficPolicy(port=settings.port):
        yield Issue((), "the settings are empty", "set connectionPool, loadBalancer, outlierDetection or tls")
    yield from _parts(settings)


def connection_pool_issues(pool: ConnectionPoolSettings | None) -> Iterator[Issue]:
    if pool is None:
        return
    if pool.http is None and pool.tcp is None:
        yield Issue((), "the connection pool is empty", "set http or tcp")
    if (http := pool.http) is not None:
        for name, number in (
            ("http1MaxPendingRequests", http.http1_max_pending_requests),
            ("http2MaxRequests", http.http2_max_requests),
            ("maxRequestsPerConnection", http.max_requests_per_connection),
            ("maxRetries", http.max_retries),
            ("maxConcurrentStreams", http.max_concurrent_streams),
        ):
            if (number or 0) < 0:
                yield Issue(("http", name), f"{number} is negative")
        yield from duration_issues(http.idle_timeout, ("http", "idleTimeout"))
        if http.http2_keep_alive is not None:
            yield from duration_issues(http.http2_keep_alive.interval, ("http", "http2KeepAlive", "interval"))
            yield from duration_issues(http.http2_keep_alive.timeout, ("http", "http2KeepAlive", "timeout"))
        if http.h2_upgrade_policy == "UPGRADE" and http.use_client_protocol:
            yield Issue(("http", "useClientProtocol"), "useClientProtocol and h2UpgradePolicy: UPGRADE contradict each other")
    if (tcp := pool.tcp) is not None:
        if (tcp.max_connections or 0) < 0:
            yield Issue(("tcp", "maxConnections"), f"{tcp.max_connections} is negative")
        yield from duration_issues(tcp.connect_timeout, ("tcp", "connectTimeout"))
        yield from duration_issues(tcp.max_connection_duration, ("tcp", "maxConnectionDuration"))
        yield from _written_duration(tcp.idle_timeout, "idleTimeout")
        if tcp.tcp_keepalive is not None:
            yield from duration_issues(tcp.tcp_keepalive.time, ("tcp", "tcpKeepalive", "time"))
            yield from duration_issues(tcp.tcp_keepalive.interval, ("tcp", "tcpKeepalive", "interval"))


def _written_duration(text: str | None, field: str) -> Iterator[Issue]:
    """A duration that the schema has as a string; unlike the others it may be 0s, for no limit."""
    if text is None:
        return
    try:
        Duration.parse(text)
    except ValueError as error:
        message, _, hint = str(error).partition(": ")
        yield Issue(("tcp", field), message, hint)


def _outlier(outlier: OutlierDetection | None) -> Iterator[Issue]:
    if outlier is None:
        return
    yield from duration_issues(outlier.base_ejection_time, ("baseEjectionTime",))
    yield from duration_issues(outlier.interval, ("interval",))
    for name, percent in (("maxEjectionPercent", outlier.max_ejection_percent), ("minHealthPercent", outlier.min_health_percent)):
        if not 0 <= (percent or 0) <= 100:
            yield Issue((name,), f"{percent} is not a percentage", "write a number from 0 to 100")
    if outlier.consecutive_errors:
        yield warning(("consecutiveErrors",), "consecutiveErrors is deprecated", "write consecutive5xxErrors or consecutiveGatewayErrors")
    if (outlier.consecutive_local_origin_failures or 0) > 0 and not outlier.split_external_local_origin_errors:
        yield Issue(
            ("consecutiveLocalOriginFailures",),
            "local failures are counted only when they are split off",
            "set splitExternalLocalOriginErrors: true",
        )


def _load_balancer(settings: LoadBalancerSettings | None, outlier: OutlierDetection | None) -> Iterator[Issue]:
    if settings is None:
        return
    kinds = {"simple": settings.simple, "consistentHash": settings.consistent_hash, "backendUtilization": settings.backend_utilization}
    if len(given := [name for name, value in kinds.items() if value is not None]) > 1:
        yield Issue((given[1],), f"only one of {' and '.join(given)} may be set")
    if settings.consistent_hash is not None:
        yield from under(("consistentHash",), _consistent_hash(settings.consistent_hash))
    yield from under(("localityLbSetting",), locality_issues(settings.locality_lb_setting, outlier))
    yield from duration_issues(settings.warmup_duration_secs, ("warmupDurationSecs",))
    if settings.warmup is not None:
        yield from duration_issues(settings.warmup.duration, ("warmup", "duration"))
        if not 0 <= (settings.warmup.minimum_percent or 0) <= 100:
            yield Issue(
                ("warmup", "minimumPercent"), f"{settings.warmup.minimum_percent} is not a percentage", "write a number from 0 to 100"
            )


def _consistent_hash(settings: ConsistentHashLB) -> Iterator[Issue]:
    keys = {
        "httpHeaderName": settings.http_header_name,
        "httpCookie": settings.http_cookie,
        "useSourceIp": settings.use_source_ip,
        "httpQueryParameterName": settings.http_query_parameter_name,
    }
    if len(given := [name for name, value in keys.items() if value is not None]) > 1:
        yield Issue((given[1],), f"only one of {' and '.join(given)} may be set")
    if settings.http_cookie is not None:
        if not settings.http_cookie.name:
            yield Issue(("httpCookie", "name"), "the cookie has no name")
        if settings.http_cookie.ttl is not None:
            yield from _cookie_lifetime(settings.http_cookie.ttl)
    algorithms = {"ringHash": settings.ring_hash, "maglev": settings.maglev, "minimumRingSize": settings.minimum_ring_size or None}
    if len(given := [name for name, value in algorithms.items() if value is not None]) > 1:
        yield Issue((given[1],), f"only one of {' and '.join(given)} may be set")
    if settings.minimum_ring_size:
        yield warning(("minimumRingSize",), "minimumRingSize is deprecated", "write ringHash: {minimumRingSize: …}")
    if settings.maglev is not None and settings.maglev.table_size is not None:
        size = settings.maglev.table_size
        if size >= _LARGEST_TABLE or not _is_prime(size):
            yield Issue(
                ("maglev", "tableSize"), f"{size} can't be a table's size", f"write a prime number below {_LARGEST_TABLE}, such as 65537"
            )


def _cookie_lifetime(text: str) -> Iterator[Issue]:
    try:
        Duration.parse(text)
    except ValueError as error:
        message, _, hint = str(error).partition(": ")
        yield Issue(("httpCookie", "ttl"), message, hint)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % factor for factor in range(2, isqrt(number) + 1))


def _tunnel(tunnel: TunnelSettings) -> Iterator[Issue]:
    if tunnel.protocol not in (None, "", "CONNECT", "POST"):
        yield Issue(("protocol",), f"{tunnel.protocol!r} can't carry a tunnel", "write CONNECT or POST")
    if not is_fqdn(tunnel.target_host) and not is_ip(tunnel.target_host):
        yield Issue(("targetHost",), f"{tunnel.target_host!r} is neither a host nor an address")
    yield from port_issues(tunnel.target_port, ("targetPort",))
