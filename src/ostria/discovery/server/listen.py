"""The gRPC ports: 15010 in plaintext (loopback unless asked otherwise) and 15012 with TLS and tokens.

The server's own certificate comes from the mesh's authority, is made at start, and again at half of its life or when the authority changes; new
connections get the new one.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
import grpc.aio
from cryptography import x509

from ostria.discovery.server.limits import Limits
from ostria.identity.authority import Authority, key_pem, new_key

SERVER_NAMES = (
    "istiod.istio-system.svc",
    "istiod.istio-system.svc.cluster.local",
    "istiod.istio-system",
    "istio-pilot.istio-system.svc",
    "istiod",
    "localhost",
)


class CannotListen(Exception):
    """An address is taken, or not ours. The text says which."""


@dataclass(frozen=True, slots=True, eq=False)
class _Certificate:
    authority: Authority
    renew_at: float
    configuration: grpc.ServerCertificateConfiguration


class ServerCertificate:
    """Gives gRPC the certificate for each new connection."""

    def __init__(self, authority: Callable[[], Authority], names: tuple[str, ...]) -> None:
        self._authority, self._names = authority, names
        self._made = self._make(authority())

    def credentials(self) -> grpc.ServerCredentials:
        return grpc.dynamic_ssl_server_credentials(self._made.configuration, self._fetch, require_client_authentication=False)

    def _fetch(self) -> grpc.ServerCertificateConfiguration:
        authority = self._authority()
        if authority is self._made.authority and time.time() < self._made.renew_at:
            return self._made.configuration
        self._made = self._make(authority)
        return self._made.configuration

    def _make(self, authority: Authority) -> _Certificate:
        key, now = new_key(), time.time()
        chain = authority.sign_server(key.public_key(), self._names, now)
        expires = x509.load_pem_x509_certificate(chain[0].encode()).not_valid_after_utc
        life = (expires - datetime.fromtimestamp(now, UTC)).total_seconds()
        pair = (key_pem(key), "".join(chain[:-1]).encode())
        return _Certificate(authority, now + life / 2, grpc.ssl_server_certificate_configuration([pair], chain[-1].encode()))


def grpc_server(handlers: Sequence[grpc.GenericRpcHandler], limits: Limits) -> grpc.aio.Server:
    options = (
        ("grpc.max_receive_message_length", limits.request_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", 32 << 10),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.max_concurrent_streams", 1_000),
        # Two control planes on one port would each serve half of the mesh.
        ("grpc.so_reuseport", 0),
    )
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers(tuple(handlers))
    return server


def bind(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    """Open `HOST:PORT`, `:PORT` (every address) or `unix:PATH`; the port that was opened. Raise CannotListen."""
    target = every_address(address)
    try:
        port: int = server.add_secure_port(target, credentials) if credentials else server.add_insecure_port(target)
    except RuntimeError as problem:
        raise CannotListen(f"cannot listen on {address}: it is in use, or not an address of this machine") from problem
    if port == 0:
        raise CannotListen(f"cannot listen on {address}: it is in use, or not an address of this machine")
    return port


def every_address(address: str) -> str:
    """`:PORT` means all addresses, of both families where the machine has both."""
    if not address.startswith(":"):
        return address
    return f"[::]{address}" if socket.has_ipv6 and _speaks_ipv6() else f"0.0.0.0{address}"


def _speaks_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True
