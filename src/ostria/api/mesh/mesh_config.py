"""MeshConfig: settings of the whole mesh, as Istio names them.

The defaults of the fields are Istio's defaults, so `MeshConfig()` is a mesh that nobody has configured and a consumer reads a field without
asking whether it was set. None is left where "not set" has a meaning of its own.
"""

from typing import Any, Literal

from msgspec import field

from ostria.api.kubernetes.selector import Selector
from ostria.api.mesh.extension_provider import BUILT_IN, CertificateAuthority, ExtensionProvider
from ostria.api.mesh.proxy_config import MeshProxyConfig
from ostria.api.meta import Message
from ostria.api.networking.connection_pool import TcpKeepalive
from ostria.api.networking.destination_rule import LocalityLoadBalancerSetting
from ostria.api.networking.virtual_service import HTTPRetry
from ostria.api.scalars import Duration


class OutboundTrafficPolicy(Message):
    mode: Literal["REGISTRY_ONLY", "ALLOW_ANY"] = "ALLOW_ANY"


class InboundTrafficPolicy(Message):
    mode: Literal["PASSTHROUGH", "LOCALHOST"] = "PASSTHROUGH"


class PathNormalization(Message):
    """DEFAULT means BASE."""

    normalization: Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] = "DEFAULT"


class TLSConfig(Message):
    min_protocol_version: Literal["TLS_AUTO", "TLSV1_2", "TLSV1_3"] = "TLS_AUTO"
    ecdh_curves: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()


class CertificateData(Message):
    """An extra root certificate for traffic between workloads: `pem` or `spiffeBundleUrl`."""

    pem: str | None = None
    spiffe_bundle_url: str | None = None
    cert_signers: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()


class DefaultProviders(Message):
    tracing: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    access_logging: tuple[str, ...] = ()


class ServiceSetting(Message):
    cluster_local: bool = False


class ServiceSettings(Message):
    settings: ServiceSetting | None = None
    hosts: tuple[str, ...] = ()


class MeshConfig(Message):
    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    enable_auto_mtls: bool = True
    mesh_mtls: TLSConfig = field(default_factory=TLSConfig, name="meshMTLS")
    tls_defaults: TLSConfig = field(default_factory=TLSConfig)
    ca_certificates: tuple[CertificateData, ...] = ()
    ca: CertificateAuthority | None = None
    certificates: tuple[dict[str, Any], ...] = ()
    verify_certificate_at_client: bool | None = None

    connect_timeout: Duration = Duration(10_000_000_000)
    protocol_detection_timeout: Duration = Duration(0)
    """0: wait for the client's first bytes without limit."""
    tcp_keepalive: TcpKeepalive | None = None
    dns_refresh_rate: Duration = Duration(60_000_000_000)
    h2_upgrade_policy: Literal["DO_NOT_UPGRADE", "UPGRADE"] = "DO_NOT_UPGRADE"
    outbound_traffic_policy: OutboundTrafficPolicy = field(default_factory=OutboundTrafficPolicy)
    inbound_traffic_policy: InboundTrafficPolicy = field(default_factory=InboundTrafficPolicy)
    locality_lb_setting: LocalityLoadBalancerSetting = field(default_factory=lambda: LocalityLoadBalancerSetting(enabled=True))
    default_http_retry_policy: HTTPRetry | None = None
    """None: Istio's 2 attempts on connect-failure,refused-stream,unavailable,cancelled."""
    path_normalization: PathNormalization = field(default_factory=PathNormalization)
    proxy_listen_port: int = 15001
    proxy_inbound_listen_port: int = 15006
    proxy_http_port: int = 0
    default_config: MeshProxyConfig = field(default_factory=MeshProxyConfig)

    access_log_file: str = ""
    """Empty: no access log."""
    access_log_format: str = ""
    access_log_encoding: Literal["TEXT", "JSON"] = "TEXT"
    enable_envoy_access_log_service: bool = False
    disable_envoy_listener_log: bool = False
    enable_tracing: bool = True
    enable_prometheus_merge: bool = True
    inbound_cluster_stat_name: str = ""
    outbound_cluster_stat_name: str = ""
    extension_providers: tuple[ExtensionProvider, ...] = ()
    """As written; `providers` adds those that every mesh has."""
    default_providers: DefaultProviders = field(default_factory=DefaultProviders)

    default_service_export_to: tuple[str, ...] = ("*",)
    default_virtual_service_export_to: tuple[str, ...] = ("*",)
    default_destination_rule_export_to: tuple[str, ...] = ("*",)
    discovery_selectors: tuple[Selector, ...] = ()
    service_settings: tuple[ServiceSettings, ...] = ()
    service_scope_configs: tuple[dict[str, Any], ...] = ()
    config_sources: tuple[dict[str, Any], ...] = ()
    compliance_policy: str = ""

    ingress_class: str = "istio"
    ingress_service: str = "istio-ingressgateway"
    ingress_controller_mode: Literal["UNSPECIFIED", "OFF", "DEFAULT", "STRICT"] = "STRICT"
    ingress_selector: str = ""

    @property
    def providers(self) -> dict[str, ExtensionProvider]:
        """Every extension provider by name, the built-in ones included."""
        return {p.name: p for p in (*BUILT_IN, *self.extension_providers)}
