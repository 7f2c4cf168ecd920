"""Names of application protocols, as Gateway, ServiceEntry and Sidecar write them."""

_HTTP = frozenset(("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"))
_TLS = frozenset(("HTTPS", "TLS"))
_OTHER = frozenset(("TCP", "UDP", "MONGO", "REDIS", "MYSQL", "HBONE", "DOUBLEHBONE"))
KNOWN = "HTTP, HTTP2, GRPC, GRPC-WEB, HTTPS, TLS, TCP, MONGO, REDIS, MYSQL"


def is_known(protocol: str) -> bool:
    return protocol.upper() in _HTTP | _TLS | _OTHER


def is_http(protocol: str | None) -> bool:
    return (protocol or "").upper() in _HTTP


def is_tls(protocol: str | None) -> bool:
    return (protocol or "").upper() in _TLS
