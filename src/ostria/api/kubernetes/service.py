"""Service: a host with ports in front of the pods that its selector finds."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ostria.api.meta import Message, Resource, Tolerant

PortNumber = Annotated[int, Meta(ge=1, le=65535)]


class ServicePort(Message):
    name: str = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str | None = None
    port: PortNumber
    target_port: PortNumber | str | None = None
    """None, 0 or empty: the same number as `port`."""
    node_port: Annotated[int, Meta(ge=0, le=65535)] | None = None


class ServiceSpec(Message):
    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = {}
    cluster_ip: str = field(default="", name="clusterIP")
    """An address, "" (one is allocated) or "None" (headless)."""
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    ip_families: tuple[Literal["IPv4", "IPv6"], ...] = ()
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] | None = None
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    external_name: str = ""
    external_traffic_policy: Literal["Cluster", "Local", ""] | None = None
    internal_traffic_policy: Literal["Cluster", "Local"] | None = None
    traffic_distribution: str | None = None
    publish_not_ready_addresses: bool = False
    session_affinity: Literal["None", "ClientIP", ""] = "None"
    session_affinity_config: dict[str, Any] | None = None
    load_balancer_ip: str | None = field(default=None, name="loadBalancerIP")
    load_balancer_class: str | None = None
    load_balancer_source_ranges: tuple[str, ...] = ()
    allocate_load_balancer_node_ports: bool | None = None
    health_check_node_port: int | None = None


class LoadBalancerIngress(Tolerant):
    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Tolerant):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Tolerant):
    load_balancer: LoadBalancerStatus = field(default_factory=LoadBalancerStatus)


class Service(Resource):
    spec: ServiceSpec = field(default_factory=ServiceSpec)
    status: ServiceStatus | None = None
