"""ProxyConfig: settings of one proxy. Mesh-wide in `meshConfig.defaultConfig`, per pod in the annotation `proxy.istio.io/config`.

The defaults are Istio's. `merged` lays a pod's annotation over the mesh's settings: a field that is set there replaces the whole field,
only `proxyMetadata` is merged key by key.
"""

from typing import Any, Literal

from msgspec import field, structs

from ostria.api.meta import Message
from ostria.api.networking.connection_pool import TcpKeepalive
from ostria.api.networking.destination_rule import ClientTLSSettings
from ostria.api.networking.proxy_config import ProxyImage
from ostria.api.networking.workload_group import ReadinessProbe
from ostria.api.scalars import Duration


class TracerAddress(Message):
    address: str = ""


class Tracing(Message):
    """The older way to configure tracing; Telemetry replaces it."""

    zipkin: TracerAddress | None = None
    lightstep: dict[str, Any] | None = None
    datadog: TracerAddress | None = None
    stackdriver: dict[str, Any] | None = None
    open_census_agent: dict[str, Any] | None = None
    custom_tags: dict[str, dict[str, Any]] = {}
    max_path_tag_length: int | None = None
    sampling: float | None = None
    tls_settings: ClientTLSSettings | None = None
    enable_istio_tags: bool | None = None


class RemoteService(Message):
    address: str = ""
    tls_settings: ClientTLSSettings | None = None
    tcp_keepalive: TcpKeepalive | None = None


class ProxyProtocolListener(Message):
    """Set (even empty): the proxy's listeners expect the PROXY protocol."""


class Topology(Message):
    """What stands before a gateway, so how far the caller's headers are believed."""

    num_trusted_proxies: int = 0
    forward_client_cert_details: (
        Literal["UNDEFINED", "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"] | None
    ) = None
    proxy_protocol: ProxyProtocolListener | None = None


class ProxyStatsMatcher(Message):
    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class HeaderSwitch(Message):
    disabled: bool | None = None


class ServerHeader(Message):
    disabled: bool | None = None
    value: str = ""


class SetCurrentClientCertDetails(Message):
    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class ProxyHeaders(Message):
    """Which of Envoy's own headers are added to requests and responses."""

    forwarded_client_cert: (
        Literal["UNDEFINED", "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"] | None
    ) = None
    set_current_client_cert_details: SetCurrentClientCertDetails | None = None
    request_id: HeaderSwitch | None = None
    server: ServerHeader | None = None
    attempt_count: HeaderSwitch | None = None
    envoy_debug_headers: HeaderSwitch | None = None
    metadata_exchange_headers: dict[str, Any] | None = None
    preserve_http1_header_case: bool | None = None
    x_forwarded_host: HeaderSwitch | None = None
    x_forwarded_port: HeaderSwitch | None = None


class MeshProxyConfig(Message):
    config_path: str = "./etc/istio/proxy"
    binary_path: str = "/usr/local/bin/envoy"
    service_cluster: str = "istio-proxy"
    tracing_service_name: Literal["APP_LABEL_AND_NAMESPACE", "CANONICAL_NAME_ONLY", "CANONICAL_NAME_AND_NAMESPACE"] | None = None
    drain_duration: Duration = Duration(45_000_000_000)
    parent_shutdown_duration: Duration = Duration(60_000_000_000)
    termination_drain_duration: Duration = Duration(5_000_000_000)
    discovery_address: str = "istiod.istio-system.svc:15012"
    discovery_refresh_delay: Duration | None = None
    zipkin_address: str = ""
    statsd_udp_address: str = ""
    envoy_metrics_service_address: str = ""
    proxy_admin_port: int = 15000
    availability_zone: str = ""
    control_plane_auth_policy: Literal["NONE", "MUTUAL_TLS", "INHERIT"] = "MUTUAL_TLS"
    custom_config_file: str = ""
    stat_name_length: int = 189
    concurrency: int | None = None
    """Worker threads; None: one per CPU that the proxy may use, 0: one per CPU of the machine."""
    proxy_bootstrap_template_path: str = ""
    interception_mode: Literal["REDIRECT", "TPROXY", "NONE"] = "REDIRECT"
    tracing: Tracing | None = None
    sds: dict[str, Any] | None = None
    envoy_access_log_service: RemoteService | None = None
    envoy_metrics_service: RemoteService | None = None
    proxy_metadata: dict[str, str] = {}
    runtime_values: dict[str, str] = {}
    status_port: int = 15020
    extra_stat_tags: tuple[str, ...] = ()
    gateway_topology: Topology = field(default_factory=Topology)
    mesh_id: str = ""
    readiness_probe: ReadinessProbe | None = None
    proxy_stats_matcher: ProxyStatsMatcher = field(default_factory=ProxyStatsMatcher)
    hold_application_until_proxy_starts: bool = False
    ca_certificates_pem: tuple[str, ...] = ()
    image: ProxyImage | None = None
    private_key_provider: dict[str, Any] | None = None
    proxy_headers: ProxyHeaders = field(default_factory=ProxyHeaders)
    stats_compression: bool = True
    stats_eviction_interval: Duration | None = None
    file_flush_interval: Duration | None = None
    file_flush_min_size_kb: int | None = None


def merged(mesh: MeshProxyConfig, pod: MeshProxyConfig, written: frozenset[str]) -> MeshProxyConfig:
    """`pod` laid over `mesh`; `written` are the names (as in YAML) of the fields that the annotation holds."""
    changes = {f.name: getattr(pod, f.name) for f in structs.fields(MeshProxyConfig) if f.encode_name in written}
    if "proxy_metadata" in changes:
        changes["proxy_metadata"] = mesh.proxy_metadata | pod.proxy_metadata
    return structs.replace(mesh, **changes)
