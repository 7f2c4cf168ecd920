"""Extension providers: services outside a proxy that decide about, log, trace or count its requests, each under a name."""

from typing import Any, Literal

from msgspec import field

from ostria.api.meta import Message
from ostria.api.networking.destination_rule import ClientTLSSettings
from ostria.api.scalars import Duration


class RequestBody(Message):
    """How much of a request's body an external authorizer receives."""

    max_request_bytes: int | None = None
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


class ExtAuthzHttp(Message):
    """An authorizer that speaks Envoy's ext_authz over HTTP. Default timeout 600 s; default status on error 403."""

    service: str
    port: int
    timeout: Duration | None = None
    path_prefix: str = ""
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_headers_in_check: tuple[str, ...] = ()
    """The older name of includeRequestHeadersInCheck."""
    include_request_headers_in_check: tuple[str, ...] = ()
    include_additional_headers_in_check: dict[str, str] = {}
    include_request_body_in_check: RequestBody | None = None
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()


class ExtAuthzGrpc(Message):
    """An authorizer that speaks Envoy's ext_authz over gRPC. Default timeout 600 s; default status on error 403."""

    service: str
    port: int
    timeout: Duration | None = None
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_request_body_in_check: RequestBody | None = None


class HTTPHeader(Message):
    name: str
    value: str | None = None
    env_name: str | None = None


class HTTPService(Message):
    path: str
    timeout: Duration | None = None
    headers: tuple[HTTPHeader, ...] = ()


class GRPCService(Message):
    timeout: Duration | None = None
    initial_metadata: tuple[HTTPHeader, ...] = ()


class ZipkinTracing(Message):
    service: str
    port: int
    max_tag_length: int | None = None
    enable_64bit_trace_id: bool = field(default=False, name="enable64bitTraceId")
    path: str = ""
    trace_context_option: Literal["USE_B3", "USE_B3_WITH_W3C_PROPAGATION"] | None = None
    timeout: Duration | None = None
    headers: tuple[HTTPHeader, ...] = ()


class DatadogTracing(Message):
    service: str
    port: int
    max_tag_length: int | None = None


class LightstepTracing(Message):
    service: str
    port: int
    access_token: str = ""
    max_tag_length: int | None = None


class SkyWalkingTracing(Message):
    service: str
    port: int
    access_token: str = ""


class OpenCensusAgentTracing(Message):
    service: str
    port: int
    context: tuple[str, ...] = ()
    max_tag_length: int | None = None


class OpenTelemetryTracing(Message):
    service: str
    port: int
    max_tag_length: int | None = None
    http: HTTPService | None = None
    grpc: GRPCService | None = None
    resource_detectors: dict[str, Any] | None = None
    dynatrace_sampler: dict[str, Any] | None = None


class Stackdriver(Message):
    debug: bool | None = None
    max_number_of_attributes: int | None = None
    max_number_of_annotations: int | None = None
    max_number_of_message_events: int | None = None
    max_tag_length: int | None = None
    logging: dict[str, Any] | None = None


class Prometheus(Message):
    """Metrics that are scraped from the proxies: nothing to set."""


class LogFormat(Message):
    """`text` or `labels` (a JSON object); absent: the default format."""

    text: str | None = None
    labels: dict[str, Any] | None = None


class FileAccessLog(Message):
    path: str = ""
    """Empty means /dev/stdout."""
    log_format: LogFormat | None = None
    omit_empty_values: bool = False


class HttpGrpcAccessLog(Message):
    service: str
    port: int
    log_name: str = ""
    filter_state_objects_to_log: tuple[str, ...] = ()
    additional_request_headers_to_log: tuple[str, ...] = ()
    additional_response_headers_to_log: tuple[str, ...] = ()
    additional_response_trailers_to_log: tuple[str, ...] = ()


class TcpGrpcAccessLog(Message):
    service: str
    port: int
    log_name: str = ""
    filter_state_objects_to_log: tuple[str, ...] = ()


class OpenTelemetryAccessLog(Message):
    service: str
    port: int
    log_name: str = ""
    log_format: LogFormat | None = None


class SecretDiscovery(Message):
    """Where gateways fetch certificates whose credentialName starts with `sds://`."""

    name: str
    service: str
    port: int


class ExtensionProvider(Message):
    """A name and exactly one of the others."""

    name: str
    envoy_ext_authz_http: ExtAuthzHttp | None = None
    envoy_ext_authz_grpc: ExtAuthzGrpc | None = None
    zipkin: ZipkinTracing | None = None
    lightstep: LightstepTracing | None = None
    datadog: DatadogTracing | None = None
    stackdriver: Stackdriver | None = None
    opencensus: OpenCensusAgentTracing | None = None
    skywalking: SkyWalkingTracing | None = None
    opentelemetry: OpenTelemetryTracing | None = None
    prometheus: Prometheus | None = None
    envoy_file_access_log: FileAccessLog | None = None
    envoy_http_als: HttpGrpcAccessLog | None = None
    envoy_tcp_als: TcpGrpcAccessLog | None = None
    envoy_otel_als: OpenTelemetryAccessLog | None = None
    sds: SecretDiscovery | None = None


BUILT_IN = (
    ExtensionProvider(name="prometheus", prometheus=Prometheus()),
    ExtensionProvider(name="stackdriver", stackdriver=Stackdriver()),
    ExtensionProvider(name="envoy", envoy_file_access_log=FileAccessLog(path="/dev/stdout")),
)
"""Providers that every mesh has, as Istio's; a provider of the same name replaces one."""


class CertificateAuthority(Message):
    """An outside CA that certificate requests are forwarded to."""

    address: str
    tls_settings: ClientTLSSettings | None = None
    request_timeout: Duration | None = None
    istiod_side: bool = True
