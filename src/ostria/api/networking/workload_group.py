"""WorkloadGroup."""

from typing import Annotated

from msgspec import Meta

from ostria.api.meta import Message, Resource


class WorkloadTemplate(Message):
    address: str | None = None
    labels: dict[str, str] = {}
    locality: str | None = None
    network: str | None = None
    ports: dict[str, Annotated[int, Meta(ge=0, le=4294967295)]] = {}
    service_account: str | None = None
    weight: Annotated[int, Meta(ge=0, le=4294967295)] | None = None


class HTTPHeader(Message):
    name: str | None = None
    value: str | None = None


class HTTPHealthCheckConfig(Message):
    host: str | None = None
    http_headers: tuple[HTTPHeader, ...] = ()
    path: str | None = None
    port: Annotated[int, Meta(ge=0, le=4294967295)]
    scheme: str | None = None


class GrpcHealthCheckConfig(Message):
    port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    service: str | None = None


class TCPHealthCheckConfig(Message):
    host: str | None = None
    port: Annotated[int, Meta(ge=0, le=4294967295)]


class ExecHealthCheckConfig(Message):
    command: tuple[str, ...]


class ReadinessProbe(Message):
    exec: ExecHealthCheckConfig | None = None
    failure_threshold: Annotated[int, Meta(ge=0)] | None = None
    grpc: GrpcHealthCheckConfig | None = None
    http_get: HTTPHealthCheckConfig | None = None
    initial_delay_seconds: Annotated[int, Meta(ge=0)] | None = None
    period_seconds: Annotated[int, Meta(ge=0)] | None = None
    success_threshold: Annotated[int, Meta(ge=0)] | None = None
    tcp_socket: TCPHealthCheckConfig | None = None
    timeout_seconds: Annotated[int, Meta(ge=0)] | None = None


class WorkloadMetadata(Message):
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class WorkloadGroupSpec(Message):
    metadata: WorkloadMetadata | None = None
    probe: ReadinessProbe | None = None
    template: WorkloadTemplate


class WorkloadGroup(Resource):
    spec: WorkloadGroupSpec
