"""Who writes access logs, and what stands in them."""

import pytest
from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from tests.unit.world import mesh_config, objects

from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.telemetry.telemetry import TelemetrySpec
from ostria.snapshot.view import TelemetryPolicy
from ostria.translate.filters.access_log import Layer, access_logs
from ostria.translate.filters.side import Side

FILE = {"accessLogFile": "/dev/stdout"}
PROVIDERS = {"extensionProviders": [{"name": "own", "envoyFileAccessLog": {"path": "/tmp/own.log"}}]}
ISTIO_LINE = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% '
    '%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
    '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)


def telemetry(*specs: str) -> TelemetryPolicy:
    """Root first, workload last; each text is the list under `accessLogging`."""
    found: list[TelemetrySpec] = []
    for spec in specs:
        text = f"apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {{name: t, namespace: default}}\nspec: {{accessLogging: {spec}}}"
        found.extend(o.spec for o in objects(text))  # type: ignore[attr-defined]
    return TelemetryPolicy(owners=(), specs=tuple(found))


def logs(mesh: dict[str, object], *specs: str, side: Side = Side.INBOUND, layer: Layer = Layer.HTTP) -> list[AccessLog]:
    config: MeshConfig = mesh_config(mesh)
    return access_logs(config, telemetry(*specs), side, layer)


def file(log: AccessLog) -> FileAccessLog:
    message = FileAccessLog()
    assert log.typed_config.Unpack(message)
    return message


def paths(found: list[AccessLog]) -> list[str]:
    return [file(log).path for log in found]


def test_nobody_asks_nothing_is_written() -> None:
    assert logs({}) == []


def test_the_meshs_file_gets_istios_line() -> None:
    (log,) = logs(FILE)
    assert file(log).path == "/dev/stdout"
    assert file(log).log_format.text_format_source.inline_string == ISTIO_LINE


def test_the_line_may_be_ones_own_and_ends() -> None:
    (log,) = logs(FILE | {"accessLogFormat": "%PROTOCOL% %REQ_WITHOUT_QUERY(:PATH)%"})
    assert file(log).log_format.text_format_source.inline_string == "%PROTOCOL% %REQ_WITHOUT_QUERY(:PATH)%\n"
    assert [f.name for f in file(log).log_format.formatters] == ["envoy.formatter.req_without_query"]


@pytest.mark.parametrize(("own", "labels"), [("", 24), ('{"code": "%RESPONSE_CODE%"}', 1), ("no object", 24)])
def test_json(own: str, labels: int) -> None:
    (log,) = logs(FILE | {"accessLogEncoding": "JSON", "accessLogFormat": own})
    assert len(file(log).log_format.json_format.fields) == labels


def test_telemetry_names_providers() -> None:
    assert paths(logs(PROVIDERS, "[{providers: [{name: own}]}]")) == ["/tmp/own.log"]
    assert paths(logs({}, "[{providers: [{name: envoy}]}]")) == ["/dev/stdout"]
    assert logs({}, "[{providers: [{name: nobody}]}]") == []


def test_telemetry_without_names_means_what_the_mesh_has() -> None:
    assert logs(FILE, "[{disabled: true}]") == []
    assert paths(logs(FILE | PROVIDERS | {"defaultProviders": {"accessLogging": ["own"]}}, "[{}]")) == ["/tmp/own.log"]


def test_the_inner_object_replaces_the_outer_ones_providers() -> None:
    assert paths(logs(PROVIDERS, "[{providers: [{name: envoy}]}]", "[{providers: [{name: own}]}]")) == ["/tmp/own.log"]
    assert logs(PROVIDERS, "[{providers: [{name: own}]}]", "[{disabled: true}]") == []


def test_one_side_only() -> None:
    client_only = "[{match: {mode: CLIENT}, providers: [{name: envoy}]}]"
    assert logs({}, client_only) == []
    assert paths(logs({}, client_only, side=Side.OUTBOUND)) == ["/dev/stdout"]
    assert paths(logs({}, client_only, side=Side.GATEWAY)) == ["/dev/stdout"]


def test_a_filter_narrows_what_is_logged() -> None:
    (log,) = logs(FILE, "[{filter: {expression: response.code >= 400}}]")
    assert log.filter.extension_filter.name == "envoy.access_loggers.extension_filters.cel"
    (refused,) = logs(FILE, "[{filter: {expression: response.code >= 400}}]", layer=Layer.LISTENER)
    assert [f.WhichOneof("filter_specifier") for f in refused.filter.and_filter.filters] == ["response_flag_filter", "extension_filter"]


def test_connections_that_no_chain_takes_are_logged_by_the_listener() -> None:
    (log,) = logs(FILE, layer=Layer.LISTENER)
    assert list(log.filter.response_flag_filter.flags) == ["NR"]
    assert logs(FILE | {"disableEnvoyListenerLog": True}, layer=Layer.LISTENER) == []
