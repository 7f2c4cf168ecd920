"""What an endpoint says about the workload behind it, for the choice of transport socket and for telemetry.

Istio's own form is one string, `istio.workload`. Stock Envoy's access log formatter can't take such a string apart, so each part also stands
under a key of its own: a log format reads `%UPSTREAM_METADATA(istio:workload_name)%`.
"""

from envoy.config.core.v3.base_pb2 import Metadata

from ostria.registry.model import Endpoint, TlsMode

ISTIO = "istio"
TRANSPORT_SOCKET_MATCH = "envoy.transport_socket_match"
TLS_MODE = "tlsMode"

WORKLOAD = "workload"
WORKLOAD_NAME = "workload_name"
NAMESPACE = "namespace"
CANONICAL_SERVICE = "canonical_service"
CANONICAL_REVISION = "canonical_revision"
CLUSTER = "cluster"
APP = "app"
VERSION = "version"
PRINCIPAL = "principal"


def fill(metadata: Metadata, endpoint: Endpoint) -> None:
    if endpoint.tls_mode is TlsMode.ISTIO:
        metadata.filter_metadata[TRANSPORT_SOCKET_MATCH][TLS_MODE] = TlsMode.ISTIO.value
    fields = _fields(endpoint)
    if fields:
        metadata.filter_metadata[ISTIO].update(fields)


def _fields(endpoint: Endpoint) -> dict[str, str]:
    workload = endpoint.workload
    if workload is None:
        return {}
    name = workload.workload_name or workload.name
    fields = {
        WORKLOAD_NAME: name,
        NAMESPACE: str(workload.namespace),
        CANONICAL_SERVICE: workload.canonical_service or name,
        CANONICAL_REVISION: workload.canonical_revision or "latest",
        CLUSTER: workload.cluster,
    }
    combined = ";".join(fields.values())
    fields.update({WORKLOAD: combined, APP: endpoint.labels.get("app", ""), VERSION: endpoint.labels.get("version", "")})
    if endpoint.tls_mode is TlsMode.ISTIO:
        fields[PRINCIPAL] = endpoint.service_account
    return {key: value for key, value in fields.items() if value}
