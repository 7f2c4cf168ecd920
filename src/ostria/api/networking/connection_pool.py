"""Shared shapes."""

from typing import Annotated, Literal

from msgspec import Meta

from ostria.api.meta import Message
from ostria.api.scalars import Duration


class HTTP2KeepAlive(Message):
    interval: Duration | None = None
    timeout: Duration | None = None


class HTTPSettings(Message):
    h2_upgrade_policy: Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"] | None = None
    http1_max_pending_requests: int | None = None
    http2_keep_alive: HTTP2KeepAlive | None = None
    http2_max_requests: int | None = None
    idle_timeout: Duration | None = None
    max_concurrent_streams: int | None = None
    max_requests_per_connection: int | None = None
    max_retries: int | None = None
    use_client_protocol: bool | None = None


class TcpKeepalive(Message):
    interval: Duration | None = None
    probes: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    time: Duration | None = None


class TCPSettings(Message):
    connect_timeout: Duration | None = None
    idle_timeout: str | None = None
    max_connection_duration: Duration | None = None
    max_connections: int | None = None
    tcp_keepalive: TcpKeepalive | None = None


class ConnectionPoolSettings(Message):
    http: HTTPSettings | None = None
    tcp: TCPSettings | None = None
