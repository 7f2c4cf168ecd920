"""The bootstrap of an Envoy beside an agent, as a pure function.

Everything that Envoy needs before it has heard from the control plane: who it is, where its agent listens, and the two static listeners that must
answer even without configuration (15021 readiness, 15090 metrics). Shape and names are Istio's, because tools read `config_dump`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from socket import SO_MARK, SOL_SOCKET
from typing import Any, Final

from ostria.agent.stats import StatsSettings, stats_config
from ostria.translate.names import AGENT_CLUSTER, PROMETHEUS_CLUSTER, SDS_CLUSTER, XDS_CLUSTER

Json = dict[str, Any]

_TYPES: Final = "type.googleapis.com/envoy.extensions."
_UNLIMITED: Final = 2_147_483_647
_JSON_LOG: Final = {"time": "%Y-%m-%dT%T.%fZ", "level": "%l", "scope": "envoy %n", "caller": "%g:%#", "msg": "%j", "thread": "%t"}
_WATCHDOG: Final[Json] = {"miss_timeout": "5s", "megamiss_timeout": "30s"}
"""Envoy's own, 0.2 and 1 s, wake every thread ten times a second, half of an idle mesh's CPU on one machine; they count late threads, and end nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapConfig:
    """`socket` is the agent's Unix socket; `mark` the SO_MARK of Envoy's upstream sockets, 0 for none; `dns_resolver` replaces resolv.conf.

    `local_only` binds the static listeners to loopback: a proxy without a network namespace of its own must not show itself to the machine's network.
    """

    node_id: str
    cluster: str
    metadata: Mapping[str, object]
    socket: str
    locality: tuple[str, str, str] = ("", "", "")
    ipv4: bool = True
    ipv6: bool = False
    admin_port: int = 15000
    status_port: int = 15020
    ready_port: int = 15021
    metrics_port: int = 15090
    local_only: bool = False
    mark: int = 0
    dns_resolver: tuple[str, int] | None = None
    stats: StatsSettings = field(default_factory=StatsSettings)
    json_log: bool = False


def bootstrap(config: BootstrapConfig) -> Json:
    """Ready for `json.dump`; passes `envoy --mode validate`."""
    found: Json = {
        "node": _node(config),
        "layered_runtime": _runtime(),
        "overload_manager": _overload(),
        "watchdogs": dict.fromkeys(("main_thread_watchdog", "worker_watchdog"), _WATCHDOG),
        "bootstrap_extensions": [_internal_listener()],
        "stats_config": stats_config(config.stats),
        "admin": _admin(config),
        "dynamic_resources": _dynamic(),
        "static_resources": {"clusters": _clusters(config), "listeners": _listeners(config)},
    }
    if config.mark:
        found["cluster_manager"] = {"upstream_bind_config": {"socket_options": [_mark(config.mark)]}}
    if config.dns_resolver:
        found["typed_dns_resolver_config"] = _resolver(*config.dns_resolver)
    if config.json_log:
        found["application_log_config"] = {"log_format": {"json_format": _JSON_LOG}}
    return found


def _node(config: BootstrapConfig) -> Json:
    region, zone, sub_zone = config.locality
    named = {"region": region, "zone": zone, "sub_zone": sub_zone}
    locality = {key: value for key, value in named.items() if value}
    return {"id": config.node_id, "cluster": config.cluster, "locality": locality, "metadata": dict(config.metadata)}


def _runtime() -> Json:
    flags = {
        # A path with a fragment is a client's mistake, not an attack: as Istio, let it pass to the app.
        "envoy.reloadable_features.http_reject_path_with_fragment": False,
        # Large regular expressions in routes and policies are legal.
        "re2.max_program_size.error_level": 32768,
    }
    return {"layers": [{"name": "global config", "static_layer": flags}, {"name": "admin", "admin_layer": {}}]}


def _overload() -> Json:
    """No global limit on downstream connections by default, and said so: Envoy warns where nothing is said."""
    limit = {
        "@type": _TYPES + "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": _UNLIMITED,
    }
    return {"resource_monitors": [{"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit}]}


def _internal_listener() -> Json:
    """HBONE connects listeners inside Envoy."""
    typed = {"@type": _TYPES + "bootstrap.internal_listener.v3.InternalListener", "buffer_size_kb": 64}
    return {"name": "envoy.bootstrap.internal_listener", "typed_config": typed}


def _admin(config: BootstrapConfig) -> Json:
    log = {
        "name": "envoy.access_loggers.file",
        "typed_config": {"@type": _TYPES + "access_loggers.file.v3.FileAccessLog", "path": "/dev/null"},
    }
    return {"access_log": [log], "address": _address(_localhost(config), config.admin_port)}


def _dynamic() -> Json:
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    ads = {
        "api_type": "DELTA_GRPC",
        "set_node_on_first_message_only": True,
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": XDS_CLUSTER}}],
    }
    return {"lds_config": source, "cds_config": source, "ads_config": ads}


def _resolver(address: str, port: int) -> Json:
    typed = {
        "@type": _TYPES + "network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        "resolvers": [_address(address, port)],
        "dns_resolver_options": {"no_default_search_domain": True},
    }
    return {"name": "envoy.network.dns_resolver.cares", "typed_config": typed}


def _mark(mark: int) -> Json:
    return {"description": "proxy traffic", "level": int(SOL_SOCKET), "name": int(SO_MARK), "int_value": mark, "state": "STATE_PREBIND"}


def _localhost(config: BootstrapConfig) -> str:
    return "127.0.0.1" if config.ipv4 else "::1"


def _address(address: str, port: int) -> Json:
    return {"socket_address": {"address": address, "port_value": port}}


def _clusters(config: BootstrapConfig) -> list[Json]:
    localhost, pipe = _localhost(config), {"pipe": {"path": config.socket}}
    limits = {"max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000}
    xds = _static(XDS_CLUSTER, pipe, "1s") | _http2({"max_requests_per_connection": 1})
    xds["circuit_breakers"] = {"thresholds": [{"priority": "DEFAULT", **limits}, {"priority": "HIGH", **limits}]}
    return [
        _static(PROMETHEUS_CLUSTER, _address(localhost, config.admin_port), "0.250s"),
        _static(AGENT_CLUSTER, _address(localhost, config.status_port), "0.250s"),
        _static(SDS_CLUSTER, pipe, "1s") | _http2({}),
        xds,
    ]


def _static(name: str, address: Json, connect_timeout: str) -> Json:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    assignment = {"cluster_name": name, "endpoints": endpoints}
    return {"name": name, "type": "STATIC", "connect_timeout": connect_timeout, "lb_policy": "ROUND_ROBIN", "load_assignment": assignment}


def _http2(common: Json) -> Json:
    options = {
        "@type": _TYPES + "upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": common,
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}}


def _listeners(config: BootstrapConfig) -> list[Json]:
    return [
        _listener(config, config.metrics_port, "stats", "/stats/prometheus", PROMETHEUS_CLUSTER),
        _listener(config, config.ready_port, "agent", "/healthz/ready", AGENT_CLUSTER),
    ]


def _listener(config: BootstrapConfig, port: int, stat_prefix: str, path: str, cluster: str) -> Json:
    """Its routes are fixed, its connections don't count against global limits: a full proxy still answers probes."""
    route = {"match": {"prefix": path}, "route": {"cluster": cluster}}
    manager = {
        "@type": _TYPES + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "codec_type": "AUTO",
        "stat_prefix": stat_prefix,
        "route_config": {"virtual_hosts": [{"name": "backend", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _TYPES + "filters.http.router.v3.Router"}}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    anywhere = ("127.0.0.1", "::1") if config.local_only else ("0.0.0.0", "::")
    wildcards = [*(anywhere[:1] if config.ipv4 else ()), *(anywhere[1:] if config.ipv6 else ())]
    first, *more = [_address(wildcard, port) for wildcard in wildcards]
    found: Json = {"address": first, "filter_chains": [chain], "ignore_global_conn_limit": True, "bypass_overload_manager": True}
    if more:
        found["additional_addresses"] = [{"address": address} for address in more]
    return found
