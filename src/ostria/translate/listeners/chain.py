"""Filter chains: a match, a transport socket, and either an HTTP connection manager or a TCP proxy at the end."""

from collections.abc import Iterable, Sequence

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, FilterChainMatch

from ostria.translate.filters.proto import number
from ostria.translate.listeners.address import prefix

TLS = "tls"
RAW = "raw_buffer"
PLAIN_HTTP = ("http/1.1", "h2c")
"""What the HTTP inspector finds out; HTTP/1.0 is not among it, as Istio has it."""


def acceptable(server_names: Iterable[str]) -> tuple[str, ...] | None:
    """Names as Envoy takes them: exact, or with `*.` in front; nothing where `*` says that any will do. None if none of them can be matched."""
    wanted = tuple(dict.fromkeys(n.lower() for n in server_names))
    if not wanted or "*" in wanted:
        return ()
    return tuple(n for n in wanted if n and "*" not in n.removeprefix("*.")) or None


def match(
    *,
    port: int = 0,
    subnets: Iterable[str] = (),
    server_names: Iterable[str] = (),
    transport: str = "",
    application_protocols: Iterable[str] = (),
) -> FilterChainMatch | None:
    """None if it would match everything."""
    found = FilterChainMatch(
        destination_port=number(port) if port else None,
        prefix_ranges=[prefix(s) for s in subnets],
        server_names=server_names,
        transport_protocol=transport,
        application_protocols=application_protocols,
    )
    return found if found.ByteSize() else None


def chain(
    filters: Sequence[Filter], on: FilterChainMatch | None = None, *, name: str = "", socket: TransportSocket | None = None
) -> FilterChain:
    return FilterChain(name=name, filter_chain_match=on, filters=filters, transport_socket=socket)
