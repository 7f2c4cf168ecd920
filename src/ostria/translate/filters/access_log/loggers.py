"""Access loggers: to a file, or to a collector over gRPC."""

from collections.abc import Iterator
from enum import Enum

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog, AccessLogFilter, AndFilter, ExtensionFilter, ResponseFlagFilter
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog as FileLogger
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig
from envoy.extensions.access_loggers.open_telemetry.v3.logs_service_pb2 import OpenTelemetryAccessLogConfig
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from ostria.api.mesh.extension_provider import (
    ExtensionProvider,
    FileAccessLog,
    HttpGrpcAccessLog,
    OpenTelemetryAccessLog,
    TcpGrpcAccessLog,
)
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.snapshot.view import TelemetryPolicy
from ostria.translate.filters.access_log.formats import TEXT, formatters, substitution
from ostria.translate.filters.access_log.selection import selected
from ostria.translate.filters.proto import pack
from ostria.translate.filters.side import Side
from ostria.translate.names import outbound_cluster

DEFAULT_FILE = "/dev/stdout"


class Layer(Enum):
    """What is logged: requests, connections, or connections that no filter chain takes."""

    HTTP = "http"
    TCP = "tcp"
    LISTENER = "listener"


def access_logs(mesh: MeshConfig, telemetry: TelemetryPolicy, side: Side, layer: Layer) -> list[AccessLog]:
    if layer is Layer.LISTENER and mesh.disable_envoy_listener_log:
        return []
    logs = []
    for choice in selected(mesh, telemetry, side):
        for name, config in _configs(choice.provider, mesh, layer):
            log = AccessLog(name=name, typed_config=pack(config))
            if (wanted := _filter(choice.expression, layer)) is not None:
                log.filter.CopyFrom(wanted)
            logs.append(log)
    return logs


def _filter(expression: str, layer: Layer) -> AccessLogFilter | None:
    both = []
    if layer is Layer.LISTENER:
        both.append(AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=["NR"])))
    if expression:
        cel = ExtensionFilter(name="envoy.access_loggers.extension_filters.cel", typed_config=pack(ExpressionFilter(expression=expression)))
        both.append(AccessLogFilter(extension_filter=cel))
    if len(both) > 1:
        return AccessLogFilter(and_filter=AndFilter(filters=both))
    return both[0] if both else None


def _configs(provider: ExtensionProvider, mesh: MeshConfig, layer: Layer) -> Iterator[tuple[str, Message]]:
    """At most one: a collector of requests has nothing to say of connections, and the other way round."""
    if (file := provider.envoy_file_access_log) is not None:
        yield "envoy.access_loggers.file", _file(file, mesh)
    if (http := provider.envoy_http_als) is not None and layer is Layer.HTTP:
        yield "envoy.access_loggers.http_grpc", _http(http)
    if (tcp := provider.envoy_tcp_als) is not None and layer is not Layer.HTTP:
        yield "envoy.access_loggers.tcp_grpc", _tcp(tcp)
    if (otel := provider.envoy_otel_als) is not None:
        yield "envoy.access_loggers.open_telemetry", _open_telemetry(otel)


def _file(file: FileAccessLog, mesh: MeshConfig) -> FileLogger:
    line = substitution(file.log_format, mesh, omit_empty=file.omit_empty_values)
    return FileLogger(path=file.path or DEFAULT_FILE, log_format=line)


def collector(service: str, port: int) -> GrpcService:
    """`service` is a host, or `NAMESPACE/HOST`."""
    host = service.rpartition("/")[2]
    return GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=outbound_cluster(port, "", host), authority=host))


def _http(http: HttpGrpcAccessLog) -> HttpGrpcAccessLogConfig:
    common = CommonGrpcAccessLogConfig(
        log_name=http.log_name or "http_envoy_accesslog",
        grpc_service=collector(http.service, http.port),
        transport_api_version=ApiVersion.V3,
        filter_state_objects_to_log=http.filter_state_objects_to_log,
    )
    return HttpGrpcAccessLogConfig(
        common_config=common,
        additional_request_headers_to_log=http.additional_request_headers_to_log,
        additional_response_headers_to_log=http.additional_response_headers_to_log,
        additional_response_trailers_to_log=http.additional_response_trailers_to_log,
    )


def _tcp(tcp: TcpGrpcAccessLog) -> TcpGrpcAccessLogConfig:
    common = CommonGrpcAccessLogConfig(
        log_name=tcp.log_name or "tcp_envoy_accesslog",
        grpc_service=collector(tcp.service, tcp.port),
        transport_api_version=ApiVersion.V3,
        filter_state_objects_to_log=tcp.filter_state_objects_to_log,
    )
    return TcpGrpcAccessLogConfig(common_config=common)


def _open_telemetry(otel: OpenTelemetryAccessLog) -> OpenTelemetryAccessLogConfig:
    common = CommonGrpcAccessLogConfig(
        log_name=otel.log_name or "otel_envoy_accesslog",
        grpc_service=collector(otel.service, otel.port),
        transport_api_version=ApiVersion.V3,
    )
    text = (otel.log_format.text if otel.log_format else None) or TEXT
    config = OpenTelemetryAccessLogConfig(common_config=common, disable_builtin_labels=True, body=AnyValue(string_value=text))
    labels = (otel.log_format.labels if otel.log_format else None) or {}
    config.attributes.values.extend(KeyValue(key=key, value=AnyValue(string_value=str(value))) for key, value in labels.items())
    config.formatters.extend(formatters(text + str(labels)))
    return config
