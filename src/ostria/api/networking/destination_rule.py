"""DestinationRule."""

from typing import Annotated, Literal

from msgspec import Meta

from ostria.api.meta import Message, Resource
from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.networking.destination import PortNumber
from ostria.api.scalars import Duration
from ostria.api.selectors import WorkloadSelector


class ClientTLSSettings(Message):
    ca_certificates: str | None = None
    ca_crl: str | None = None
    client_certificate: str | None = None
    credential_name: str | None = None
    insecure_skip_verify: bool | None = None
    mode: Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] | None = None
    private_key: str | None = None
    sni: str | None = None
    subject_alt_names: tuple[str, ...] = ()


class Failover(Message):
    from_: str | None = None
    to: str | None = None


class Distribute(Message):
    from_: str | None = None
    to: dict[str, Annotated[int, Meta(ge=0, le=4294967295)]] = {}


class LocalityLoadBalancerSetting(Message):
    distribute: tuple[Distribute, ...] = ()
    enabled: bool | None = None
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()


class CookieAttribute(Message):
    name: str
    value: str | None = None


class HTTPCookie(Message):
    attributes: tuple[CookieAttribute, ...] = ()
    name: str
    path: str | None = None
    ttl: str | None = None


class RingHash(Message):
    minimum_ring_size: Annotated[int, Meta(ge=0)] | None = None


class MagLev(Message):
    table_size: Annotated[int, Meta(ge=0)] | None = None


class ConsistentHashLB(Message):
    http_cookie: HTTPCookie | None = None
    http_header_name: str | None = None
    http_query_parameter_name: str | None = None
    maglev: MagLev | None = None
    minimum_ring_size: Annotated[int, Meta(ge=0)] | None = None
    ring_hash: RingHash | None = None
    use_source_ip: bool | None = None


class BackendUtilizationLB(Message):
    error_utilization_penalty_percent: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    metric_names_for_computing_utilization: tuple[str, ...] = ()
    weight_expiration_period: str | None = None
    weight_stabilization_period: str | None = None
    weight_update_period: str | None = None


class ZoneAwareLoadBalancerSetting(Message):
    enabled: bool | None = None
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    min_cluster_size: Annotated[int, Meta(ge=1, le=4294967295)] | None = None


class WarmupConfiguration(Message):
    aggression: float | None = None
    duration: Duration
    minimum_percent: float | None = None


class LoadBalancerSettings(Message):
    backend_utilization: BackendUtilizationLB | None = None
    consistent_hash: ConsistentHashLB | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    simple: Literal["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"] | None = None
    warmup: WarmupConfiguration | None = None
    warmup_duration_secs: Duration | None = None
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None


class RetryBudget(Message):
    budget_interval: str | None = None
    min_retry_concurrency: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    percent: float | None = None


class ProxyProtocol(Message):
    version: Literal["V1", "V2"] | None = None


class TunnelSettings(Message):
    protocol: str | None = None
    target_host: str
    target_port: Annotated[int, Meta(ge=0, le=4294967295)]


class OutlierDetection(Message):
    base_ejection_time: Duration | None = None
    consecutive5xx_errors: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    consecutive_errors: int | None = None
    consecutive_gateway_errors: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    consecutive_local_origin_failures: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    interval: Duration | None = None
    max_ejection_percent: int | None = None
    min_health_percent: int | None = None
    outlier_detection_http_error_codes: tuple[Annotated[int, Meta(ge=100, le=599)], ...] = ()
    split_external_local_origin_errors: bool | None = None


class PortTrafficPolicy(Message):
    connection_pool: ConnectionPoolSettings | None = None
    load_balancer: LoadBalancerSettings | None = None
    outlier_detection: OutlierDetection | None = None
    port: PortNumber | None = None
    tls: ClientTLSSettings | None = None


class TrafficPolicy(Message):
    connection_pool: ConnectionPoolSettings | None = None
    load_balancer: LoadBalancerSettings | None = None
    outlier_detection: OutlierDetection | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None
    tls: ClientTLSSettings | None = None
    tunnel: TunnelSettings | None = None


class Subset(Message):
    labels: dict[str, str] = {}
    name: str
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(Message):
    export_to: tuple[str, ...] = ()
    host: str
    subsets: tuple[Subset, ...] = ()
    traffic_policy: TrafficPolicy | None = None
    workload_selector: WorkloadSelector | None = None


class DestinationRule(Resource):
    spec: DestinationRuleSpec
