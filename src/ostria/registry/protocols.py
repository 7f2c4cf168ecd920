"""Which protocol a port speaks: declared by appProtocol, by the port's name, or left to the proxy to find out.

Istio's rule, because every manifest that people own was written for it: `<protocol>[-suffix]`, and ports whose servers speak first are
never sniffed, since the proxy would wait for bytes that the client does not send.
"""

from ostria.registry.model import Protocol

_NAMES = {
    "http": Protocol.HTTP,
    "http2": Protocol.HTTP2,
    "grpc": Protocol.GRPC,
    "grpc-web": Protocol.GRPC_WEB,
    "http_proxy": Protocol.HTTP_PROXY,
    "https": Protocol.HTTPS,
    "tls": Protocol.TLS,
    "tcp": Protocol.TCP,
    "mongo": Protocol.MONGO,
    "mysql": Protocol.MYSQL,
    "redis": Protocol.REDIS,
    "udp": Protocol.UDP,
}
_KUBERNETES_NAMES = {"kubernetes.io/h2c": Protocol.HTTP2, "kubernetes.io/ws": Protocol.HTTP, "kubernetes.io/wss": Protocol.HTTPS}
_SERVER_FIRST = frozenset({25, 53, 3306, 27017})
"""SMTP, DNS over TCP, MySQL, MongoDB."""


def named(name: str) -> Protocol | None:
    """The protocol of that exact name, in any case."""
    return _NAMES.get(name.lower())


def of_port(number: int, name: str, app_protocol: str | None = None, transport: str = "TCP") -> Protocol:
    """The protocol of a Kubernetes port. `app_protocol` wins over the name; AUTO means that the proxy sniffs."""
    if transport == "UDP":
        return Protocol.UDP
    if app_protocol in _KUBERNETES_NAMES:
        return _KUBERNETES_NAMES[app_protocol]
    declared = (app_protocol if app_protocol is not None else name).lower()
    if declared.startswith("grpc-web"):
        return Protocol.GRPC_WEB
    found = named(declared.partition("-")[0])
    return found or (Protocol.TCP if number in _SERVER_FIRST else Protocol.AUTO)


def of_entry(number: int, name: str, protocol: str | None) -> Protocol:
    """The protocol of a port of a ServiceEntry or a Sidecar: its `protocol`, or else its name."""
    return (named(protocol) if protocol else None) or of_port(number, name)


def inside_tls(protocol: Protocol) -> Protocol:
    """What is left of a protocol when its TLS has ended."""
    return Protocol.HTTP if protocol is Protocol.HTTPS else protocol
