"""The three small Envoys at the mesh's edge, as bootstraps.

*outside* stands on the host: it publishes ports and dials addresses of the world. *inside* stands in the mesh's network namespace: what leaves the mesh
arrives there. *door* stands in the gateway's namespace: it hands published connections to the gateway with their callers' own addresses. They talk over Unix
sockets, so the host's routes, rules and forwarding stay as they were.
"""

from collections.abc import Sequence
from typing import Any, Final

from ostria.local.network.service_rules import EDGE_PORT

Json = dict[str, Any]

DOOR_MARK: Final = 0x0571
"""On the door's sockets that use a caller's address: their packets stay in the namespace (see `Network.accept_foreign_sources`)."""
_TYPES: Final = "type.googleapis.com/envoy.extensions."
_TCP_PROXY: Final = _TYPES + "filters.network.tcp_proxy.v3.TcpProxy"
_IDLE: Final = "0s"


def outside(egress: str, doors: Sequence[tuple[int, str]], *, ipv6: bool) -> Json:
    """`egress` is the path to listen on for the mesh; `doors` are (host port, path of the door)."""
    listeners = [_tunnel_end(egress)]
    clusters = [_original_destination()]
    for port, path in doors:
        clusters.append(_announcing(f"door-{port}", path))
        listeners += [_published(f"published-{port}-{address}", address, port) for address in (("0.0.0.0", "::") if ipv6 else ("0.0.0.0",))]
    return _bootstrap("edge-outside", listeners, clusters)


def inside(egress: str, *, ipv6: bool) -> Json:
    """Whatever is redirected here goes on by CONNECT, to the address that the caller dialled."""
    tunnel = {"hostname": "%DOWNSTREAM_LOCAL_ADDRESS%"}
    listeners = []
    for address in ("0.0.0.0", "::") if ipv6 else ("0.0.0.0",):
        listener = _listener(
            f"leaving-{address}", {"socket_address": {"address": address, "port_value": EDGE_PORT}}, _tcp("egress", tunnel)
        )
        listener["listener_filters"] = [_typed("original_dst", _TYPES + "filters.listener.original_dst.v3.OriginalDst")]
        listeners.append(listener)
    return _bootstrap("edge-inside", listeners, [_http2("egress", egress)])


def door(path: str, port: int) -> Json:
    """Callers arrive on `path` with a PROXY protocol header and leave for `port` of the namespace's own loopback, under their own address."""
    listener = _listener("door", {"pipe": {"path": path, "mode": 0o600}}, {})
    listener["listener_filters"] = [
        _typed("proxy_protocol", _TYPES + "filters.listener.proxy_protocol.v3.ProxyProtocol"),
        _typed("original_src", _TYPES + "filters.listener.original_src.v3.OriginalSrc", mark=DOOR_MARK),
    ]
    listener["filter_chains"] = [
        {"filter_chain_match": {"source_prefix_ranges": [{"address_prefix": prefix, "prefix_len": 0}]}, "filters": [_tcp(name, None)]}
        for prefix, name in (("0.0.0.0", "gateway-4"), ("::", "gateway-6"))
    ]
    clusters = [
        _static(name, {"socket_address": {"address": address, "port_value": port}})
        for name, address in (("gateway-4", "127.0.0.1"), ("gateway-6", "::1"))
    ]
    return _bootstrap("edge-door", [listener], clusters)


def _bootstrap(name: str, listeners: list[Json], clusters: list[Json]) -> Json:
    return {
        "node": {"id": name, "cluster": "ostria-edge"},
        "static_resources": {"listeners": listeners, "clusters": clusters},
        # Nobody reads these statistics: they are not kept, and no timer collects them.
        "stats_config": {"stats_matcher": {"reject_all": True}},
        "stats_flush_on_admin": True,
        # The default watchdogs wake every thread many times a second; here nobody waits for a stuck thread for less than a minute.
        "watchdogs": {name: {"miss_timeout": "60s", "megamiss_timeout": "60s"} for name in ("main_thread_watchdog", "worker_watchdog")},
        "layered_runtime": {"layers": [{"name": "limits", "static_layer": {"overload.global_downstream_max_connections": 50000}}]},
    }


def _listener(name: str, address: Json, network_filter: Json) -> Json:
    return {"name": name, "address": address, "filter_chains": [{"filters": [network_filter]}]}


def _published(name: str, address: str, port: int) -> Json:
    return _listener(name, {"socket_address": {"address": address, "port_value": port}}, _tcp(f"door-{port}", None))


def _tunnel_end(path: str) -> Json:
    route = {
        "match": {"connect_matcher": {}},
        "route": {"cluster": "world", "timeout": "0s", "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]},
    }
    manager = {
        "@type": _TYPES + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "egress",
        "codec_type": "HTTP2",
        "stream_idle_timeout": "0s",
        "http2_protocol_options": {"allow_connect": True, "max_concurrent_streams": 100000},
        "upgrade_configs": [{"upgrade_type": "CONNECT"}],
        "route_config": {"name": "egress", "virtual_hosts": [{"name": "world", "domains": ["*"], "routes": [route]}]},
        "http_filters": [_typed("envoy.filters.http.router", _TYPES + "filters.http.router.v3.Router")],
    }
    address = {"pipe": {"path": path, "mode": 0o600}}
    return _listener("egress", address, {"name": "http", "typed_config": manager})


def _tcp(cluster: str, tunneling: Json | None) -> Json:
    config: Json = {"stat_prefix": cluster, "cluster": cluster, "idle_timeout": _IDLE}
    if tunneling:
        config["tunneling_config"] = tunneling
    return _typed("tcp_proxy", _TCP_PROXY, **config)


def _typed(name: str, kind: str, **config: object) -> Json:
    return {"name": name, "typed_config": {"@type": kind, **config}}


def _static(name: str, address: Json) -> Json:
    endpoint = {"endpoint": {"address": address}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "circuit_breakers": {"thresholds": [dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 1 << 20)]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _announcing(name: str, path: str) -> Json:
    """Tells the other side who is calling, by a PROXY protocol header in front of the bytes."""
    transport = {
        "@type": _TYPES + "transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        "config": {"version": "V2"},
        "transport_socket": _typed("envoy.transport_sockets.raw_buffer", _TYPES + "transport_sockets.raw_buffer.v3.RawBuffer"),
    }
    return _static(name, {"pipe": {"path": path}}) | {"transport_socket": {"name": "proxy_protocol", "typed_config": transport}}


def _http2(name: str, path: str) -> Json:
    """One connection carries many tunnels; HTTP/2, because each half of a tunnel can end by itself there."""
    options = {
        "@type": _TYPES + "upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {"allow_connect": True, "max_concurrent_streams": 1000}},
    }
    return _static(name, {"pipe": {"path": path}}) | {
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}
    }


def _original_destination() -> Json:
    return {
        "name": "world",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "10s",
        "original_dst_lb_config": {"use_http_header": True, "http_header_name": ":authority"},
    }
