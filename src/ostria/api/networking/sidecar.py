"""Sidecar."""

from typing import Annotated, Literal

from msgspec import Meta, field

from ostria.api.meta import Message, Resource
from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.networking.destination import Destination
from ostria.api.networking.server_tls import ServerTLSSettings
from ostria.api.selectors import LabelSelector


class SidecarPort(Message):
    name: str | None = None
    number: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    protocol: str | None = None
    target_port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None


class IstioEgressListener(Message):
    bind: str | None = None
    capture_mode: Literal["DEFAULT", "IPTABLES", "NONE"] | None = None
    hosts: tuple[str, ...]
    port: SidecarPort | None = None


class OutboundTrafficPolicy(Message):
    egress_proxy: Destination | None = None
    mode: Literal["REGISTRY_ONLY", "ALLOW_ANY"] | None = None


class IstioIngressListener(Message):
    bind: str | None = None
    capture_mode: Literal["DEFAULT", "IPTABLES", "NONE"] | None = None
    connection_pool: ConnectionPoolSettings | None = None
    default_endpoint: str | None = None
    port: SidecarPort
    tls: ServerTLSSettings | None = None


class SidecarSpec(Message):
    egress: tuple[IstioEgressListener, ...] = ()
    inbound_connection_pool: ConnectionPoolSettings | None = None
    ingress: tuple[IstioIngressListener, ...] = ()
    outbound_traffic_policy: OutboundTrafficPolicy | None = None
    workload_selector: LabelSelector | None = None


class Sidecar(Resource):
    spec: SidecarSpec = field(default_factory=SidecarSpec)
