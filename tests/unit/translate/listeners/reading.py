"""Listeners as lines a person can read: `MATCH → WHERE`."""

from collections.abc import Iterable
from typing import TypeVar

from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from tests.envoy.harness import validate

from ostria.snapshot.view import Inbound, View
from ostria.translate import listeners

M = TypeVar("M", bound=Message)


def unpack(packed: Any, into: type[M]) -> M:
    message = into()
    assert packed.Unpack(message), packed.type_url
    return message


def of_view(view: View) -> dict[str, Listener]:
    """Every listener by name; names must be unique, and Envoy must accept them all."""
    return _built(listeners.keys(view))


def of_inbound(inbound: Inbound) -> dict[str, Listener]:
    return _built(listeners.inbound_keys(inbound))


def _built(keys: Iterable[listeners.ListenerKey]) -> dict[str, Listener]:
    made = [listeners.build(k) for k in keys]
    found: dict[str, Listener] = {}
    for built in made:
        assert isinstance(built.message, Listener)
        assert built.name == built.message.name
        found[built.name] = built.message
    assert len(found) == len(made)
    validate(listeners=found.values())
    return found


def manager(chain: FilterChain) -> HttpConnectionManager:
    return unpack(chain.filters[-1].typed_config, HttpConnectionManager)


def proxy(chain: FilterChain) -> TcpProxy:
    return unpack(chain.filters[-1].typed_config, TcpProxy)


def server_tls(chain: FilterChain) -> DownstreamTlsContext:
    return unpack(chain.transport_socket.typed_config, DownstreamTlsContext)


def lines(listener: Listener) -> list[str]:
    found = [_line(c) for c in listener.filter_chains]
    if listener.HasField("default_filter_chain"):
        found.append(f"else → {_where(listener.default_filter_chain.filters[-1])}")
    return found


def inspectors(listener: Listener) -> list[str]:
    return [f.name.rpartition(".")[2] for f in listener.listener_filters]


def filter_names(chain: FilterChain) -> list[str]:
    return [f.name.rpartition(".")[2] for f in manager(chain).http_filters]


def _line(chain: FilterChain) -> str:
    m = chain.filter_chain_match
    parts = [f"port {m.destination_port.value}"] if m.HasField("destination_port") else []
    parts += [f"to {p.address_prefix}/{p.prefix_len.value}" for p in m.prefix_ranges]
    parts += [f"sni {' '.join(m.server_names)}"] if m.server_names else []
    parts += [{"raw_buffer": "raw"}.get(m.transport_protocol, m.transport_protocol)] if m.transport_protocol else []
    parts += [f"[{' '.join(m.application_protocols)}]"] if m.application_protocols else []
    inside = " inside TLS" if chain.HasField("transport_socket") else ""
    return f"{' '.join(parts) or 'all'} → {_where(chain.filters[-1])}{inside}"


def _where(last: Filter) -> str:
    if last.name.endswith("tcp_proxy"):
        tcp = unpack(last.typed_config, TcpProxy)
        if tcp.cluster:
            return tcp.cluster
        return " ".join(f"{c.name}={c.weight}" for c in tcp.weighted_clusters.clusters)
    http = unpack(last.typed_config, HttpConnectionManager)
    return f"HTTP {http.rds.route_config_name or http.route_config.name}"
