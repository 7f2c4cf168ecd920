"""Listener filters: what is found out about a connection before a filter chain is chosen."""

from collections.abc import Iterable

from envoy.config.listener.v3.listener_components_pb2 import ListenerFilter, ListenerFilterChainMatchPredicate
from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import HttpInspector
from envoy.extensions.filters.listener.original_dst.v3.original_dst_pb2 import OriginalDst
from envoy.extensions.filters.listener.original_src.v3.original_src_pb2 import OriginalSrc
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import ProxyProtocol
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.type.v3.range_pb2 import Int32Range
from google.protobuf.message import Message

from ostria.translate.filters.proto import pack

TPROXY_MARK = 1337


def _filter(name: str, config: Message) -> ListenerFilter:
    return ListenerFilter(name=f"envoy.filters.listener.{name}", typed_config=pack(config))


def original_dst() -> ListenerFilter:
    return _filter("original_dst", OriginalDst())


def original_src() -> ListenerFilter:
    """With TPROXY the app sees the caller's own address; the mark brings the app's answers back to Envoy."""
    return _filter("original_src", OriginalSrc(mark=TPROXY_MARK))


def tls_inspector(not_on: Iterable[int] = ()) -> ListenerFilter:
    return _except(_filter("tls_inspector", TlsInspector()), not_on)


def http_inspector(not_on: Iterable[int] = ()) -> ListenerFilter:
    return _except(_filter("http_inspector", HttpInspector()), not_on)


def proxy_protocol(*, required: bool) -> ListenerFilter:
    return _filter("proxy_protocol", ProxyProtocol(allow_requests_without_proxy_protocol=not required))


def _except(listener_filter: ListenerFilter, ports: Iterable[int]) -> ListenerFilter:
    """Inspection waits for the client to speak, so it is off on ports that need none: there a server may speak first."""
    predicates = [ListenerFilterChainMatchPredicate(destination_port_range=Int32Range(start=p, end=p + 1)) for p in sorted(set(ports))]
    if len(predicates) == 1:
        listener_filter.filter_disabled.CopyFrom(predicates[0])
    elif predicates:
        listener_filter.filter_disabled.or_match.rules.extend(predicates)
    return listener_filter
