"""What the kubelet asks a container: probes and lifecycle hooks."""

from typing import Annotated, Literal

from msgspec import Meta

from ostria.api.kubernetes.service import PortNumber
from ostria.api.meta import Message

PositiveSeconds = Annotated[int, Meta(ge=1)]


class ExecAction(Message):
    command: tuple[str, ...] = ()


class HTTPHeader(Message):
    name: str
    value: str = ""


class HTTPGetAction(Message):
    path: str = "/"
    port: PortNumber | str
    host: str = ""
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Message):
    port: PortNumber | str
    host: str = ""


class GRPCAction(Message):
    port: PortNumber
    service: str = ""


class SleepAction(Message):
    seconds: Annotated[int, Meta(ge=0)]


class Probe(Message):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: Annotated[int, Meta(ge=0)] = 0
    timeout_seconds: PositiveSeconds = 1
    period_seconds: PositiveSeconds = 10
    success_threshold: PositiveSeconds = 1
    failure_threshold: PositiveSeconds = 3
    termination_grace_period_seconds: PositiveSeconds | None = None


class LifecycleHandler(Message):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Message):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None
