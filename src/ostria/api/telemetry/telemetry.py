"""Telemetry."""

from typing import Literal

from msgspec import field

from ostria.api.meta import Message, Resource
from ostria.api.scalars import Duration
from ostria.api.selectors import PolicyTargetReference, WorkloadSelector


class TagOverride(Message):
    operation: Literal["UPSERT", "REMOVE"] | None = None
    value: str | None = None


class MetricSelector(Message):
    custom_metric: str | None = None
    metric: (
        Literal[
            "ALL_METRICS",
            "REQUEST_COUNT",
            "REQUEST_DURATION",
            "REQUEST_SIZE",
            "RESPONSE_SIZE",
            "TCP_OPENED_CONNECTIONS",
            "TCP_CLOSED_CONNECTIONS",
            "TCP_SENT_BYTES",
            "TCP_RECEIVED_BYTES",
            "GRPC_REQUEST_MESSAGES",
            "GRPC_RESPONSE_MESSAGES",
        ]
        | None
    ) = None
    mode: Literal["CLIENT_AND_SERVER", "CLIENT", "SERVER"] | None = None


class MetricsOverrides(Message):
    disabled: bool | None = None
    match: MetricSelector | None = None
    tag_overrides: dict[str, TagOverride] = {}


class ProviderRef(Message):
    name: str


class Metrics(Message):
    overrides: tuple[MetricsOverrides, ...] = ()
    providers: tuple[ProviderRef, ...] = ()
    reporting_interval: Duration | None = None


class LogSelector(Message):
    mode: Literal["CLIENT_AND_SERVER", "CLIENT", "SERVER"] | None = None


class AccessLogFilter(Message):
    expression: str | None = None


class AccessLogging(Message):
    disabled: bool | None = None
    filter: AccessLogFilter | None = None
    match: LogSelector | None = None
    providers: tuple[ProviderRef, ...] = ()


class LiteralValue(Message):
    value: str


class NamedDefault(Message):
    default_value: str | None = None
    name: str


class CustomTag(Message):
    environment: NamedDefault | None = None
    formatter: LiteralValue | None = None
    header: NamedDefault | None = None
    literal: LiteralValue | None = None


class Tracing(Message):
    custom_tags: dict[str, CustomTag] = {}
    disable_context_propagation: bool | None = None
    disable_span_reporting: bool | None = None
    enable_istio_tags: bool | None = None
    match: LogSelector | None = None
    providers: tuple[ProviderRef, ...] = ()
    random_sampling_percentage: float | None = None
    use_request_id_for_trace_sampling: bool | None = None


class TelemetrySpec(Message):
    access_logging: tuple[AccessLogging, ...] = ()
    metrics: tuple[Metrics, ...] = ()
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    tracing: tuple[Tracing, ...] = ()


class Telemetry(Resource):
    spec: TelemetrySpec = field(default_factory=TelemetrySpec)
