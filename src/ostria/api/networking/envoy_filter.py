"""EnvoyFilter."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ostria.api.meta import Message, Resource
from ostria.api.selectors import LabelSelector, PolicyTargetReference


class Patch(Message):
    filter_class: Literal["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"] | None = None
    operation: (
        Literal["INVALID", "MERGE", "ADD", "REMOVE", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST", "REPLACE", "MERGE_AND_REPLACE_LIST"]
        | None
    ) = None
    value: dict[str, Any] = {}


class NameMatch(Message):
    name: str | None = None


class FilterMatch(Message):
    name: str | None = None
    sub_filter: NameMatch | None = None


class FilterChainMatch(Message):
    application_protocols: str | None = None
    destination_port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    filter: FilterMatch | None = None
    name: str | None = None
    sni: str | None = None
    transport_protocol: str | None = None
    transport_socket: str | None = None


class ListenerMatch(Message):
    filter_chain: FilterChainMatch | None = None
    listener_filter: str | None = None
    name: str | None = None
    port_name: str | None = None
    port_number: Annotated[int, Meta(ge=0, le=4294967295)] | None = None


class RouteMatch(Message):
    action: Literal["ANY", "ROUTE", "REDIRECT", "DIRECT_RESPONSE"] | None = None
    name: str | None = None


class VirtualHostMatch(Message):
    domain_name: str | None = None
    name: str | None = None
    route: RouteMatch | None = None


class RouteConfigurationMatch(Message):
    gateway: str | None = None
    name: str | None = None
    port_name: str | None = None
    port_number: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    vhost: VirtualHostMatch | None = None


class WaypointMatch(Message):
    filter: FilterMatch | None = None
    port_number: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    route: NameMatch | None = None


class ProxyMatch(Message):
    metadata: dict[str, str] = {}
    proxy_version: str | None = None


class ClusterMatch(Message):
    name: str | None = None
    port_number: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    service: str | None = None
    subset: str | None = None


class EnvoyConfigObjectMatch(Message):
    cluster: ClusterMatch | None = None
    context: Literal["ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY", "WAYPOINT"] | None = None
    listener: ListenerMatch | None = None
    proxy: ProxyMatch | None = None
    route_configuration: RouteConfigurationMatch | None = None
    waypoint: WaypointMatch | None = None


class EnvoyConfigObjectPatch(Message):
    apply_to: (
        Literal[
            "INVALID",
            "LISTENER",
            "FILTER_CHAIN",
            "NETWORK_FILTER",
            "HTTP_FILTER",
            "ROUTE_CONFIGURATION",
            "VIRTUAL_HOST",
            "HTTP_ROUTE",
            "CLUSTER",
            "EXTENSION_CONFIG",
            "BOOTSTRAP",
            "LISTENER_FILTER",
        ]
        | None
    ) = None
    match: EnvoyConfigObjectMatch | None = None
    patch: Patch | None = None


class EnvoyFilterSpec(Message):
    config_patches: tuple[EnvoyConfigObjectPatch, ...] = ()
    priority: int | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    workload_selector: LabelSelector | None = None


class EnvoyFilter(Resource):
    spec: EnvoyFilterSpec = field(default_factory=EnvoyFilterSpec)
