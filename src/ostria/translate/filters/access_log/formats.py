"""The lines of an access log: Istio's text, Istio's JSON, or the user's own."""

import json
from collections.abc import Iterator, Mapping

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.formatter.cel.v3.cel_pb2 import Cel
from envoy.extensions.formatter.metadata.v3.metadata_pb2 import Metadata
from envoy.extensions.formatter.req_without_query.v3.req_without_query_pb2 import ReqWithoutQuery
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from ostria.api.mesh.extension_provider import LogFormat
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.translate.filters.proto import pack

FIELDS: Mapping[str, str] = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "route_name": "%ROUTE_NAME%",
}
"""What a log line tells, by its name in JSON."""

_TEXT = (
    '[{start_time}] "{method} {path} {protocol}" {response_code} {response_flags} {response_code_details} '
    '{connection_termination_details} "{upstream_transport_failure_reason}" {bytes_received} {bytes_sent} {duration} '
    '{upstream_service_time} "{x_forwarded_for}" "{user_agent}" "{request_id}" "{authority}" "{upstream_host}" '
    "{upstream_cluster} {upstream_local_address} {downstream_local_address} {downstream_remote_address} "
    "{requested_server_name} {route_name}\n"
)
TEXT = _TEXT.format_map(FIELDS)

_COMMANDS: tuple[tuple[str, str, type[Message]], ...] = (
    ("%REQ_WITHOUT_QUERY(", "envoy.formatter.req_without_query", ReqWithoutQuery),
    ("%METADATA(", "envoy.formatter.metadata", Metadata),
    ("%CEL(", "envoy.formatter.cel", Cel),
)
"""Commands that Envoy knows only where their formatter is named."""


def substitution(log_format: LogFormat | None, mesh: MeshConfig, *, omit_empty: bool = False) -> SubstitutionFormatString:
    """Without a format of its own a provider writes what the mesh configuration says, and else Istio's line."""
    if log_format is not None and log_format.labels is not None:
        line = SubstitutionFormatString(json_format=struct(log_format.labels))
    elif log_format is not None and log_format.text:
        line = _text(log_format.text)
    elif mesh.access_log_encoding == "JSON":
        line = SubstitutionFormatString(json_format=struct(json_labels(mesh)))
    else:
        line = _text(mesh.access_log_format or TEXT)
    line.omit_empty_values = omit_empty
    line.formatters.extend(formatters(str(line.json_format) if line.HasField("json_format") else line.text_format_source.inline_string))
    return line


def json_labels(mesh: MeshConfig) -> Mapping[str, object]:
    """The labels that `accessLogFormat` holds as a JSON object; text that is none can't be a line of JSON, so Istio's labels stand in."""
    try:
        own = json.loads(mesh.access_log_format) if mesh.access_log_format else None
    except ValueError:
        own = None
    return own if isinstance(own, dict) else FIELDS


def _text(text: str) -> SubstitutionFormatString:
    line = text if text.endswith("\n") else f"{text}\n"
    return SubstitutionFormatString(text_format_source=DataSource(inline_string=line))


def struct(labels: Mapping[str, object]) -> Struct:
    return json_format.ParseDict(dict(labels), Struct())


def formatters(text: str) -> Iterator[TypedExtensionConfig]:
    for command, name, config in _COMMANDS:
        if command in text:
            yield TypedExtensionConfig(name=name, typed_config=pack(config()))
