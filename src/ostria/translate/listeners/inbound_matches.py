"""Which connections an inbound port takes, by its protocol and its mutual TLS mode: Istio's tables.

The server names no ALPN of its own here: these are names that clients offer. Sidecars of the mesh offer `istio…` names, so that a permissive port can
tell them from clients that end their own TLS at the app.
"""

from typing import NamedTuple

from ostria.registry.model import MtlsMode, Protocol
from ostria.translate.listeners.chain import PLAIN_HTTP, RAW, TLS

MESH_HTTP_ALPN = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_TCP_ALPN = ("istio-peer-exchange", "istio")
MESH_ALPN = ("istio-peer-exchange", "istio", "istio-http/1.0", "istio-http/1.1", "istio-h2")


class Match(NamedTuple):
    """`transport` and `alpn` choose the chain; `http` says what is inside; `mutual` that the chain ends mutual TLS."""

    transport: str
    alpn: tuple[str, ...]
    http: bool
    mutual: bool


_HTTP_PERMISSIVE = (Match(TLS, MESH_ALPN, True, True), Match(RAW, (), True, False))
_TCP_PERMISSIVE = (Match(TLS, MESH_ALPN, False, True), Match(TLS, (), False, False), Match(RAW, (), False, False))
_AUTO_PERMISSIVE = (
    Match(TLS, MESH_HTTP_ALPN, True, True),
    Match(RAW, PLAIN_HTTP, True, False),
    Match(TLS, MESH_TCP_ALPN, False, True),
    Match(RAW, (), False, False),
    Match(TLS, (), False, False),
)
_AUTO_STRICT = (Match(TLS, MESH_HTTP_ALPN, True, True), Match(TLS, (), False, True))
_AUTO_DISABLE = (Match("", PLAIN_HTTP, True, False), Match("", (), False, False))


def matches(protocol: Protocol, mode: MtlsMode) -> tuple[Match, ...]:
    """The chains of a port. Without mutual TLS the app may end TLS itself, so nothing is asked of the transport."""
    match mode:
        case MtlsMode.PERMISSIVE:
            return _HTTP_PERMISSIVE if protocol.is_http else _AUTO_PERMISSIVE if protocol is Protocol.AUTO else _TCP_PERMISSIVE
        case MtlsMode.STRICT:
            return _AUTO_STRICT if protocol is Protocol.AUTO else (Match(TLS, (), protocol.is_http, True),)
        case MtlsMode.DISABLE:
            return _AUTO_DISABLE if protocol is Protocol.AUTO else (Match("", (), protocol.is_http, False),)


def inspects_tls(found: tuple[Match, ...]) -> bool:
    return any(m.transport for m in found)


def inspects_http(found: tuple[Match, ...]) -> bool:
    return any(m.alpn == PLAIN_HTTP for m in found)
