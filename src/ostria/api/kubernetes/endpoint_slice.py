"""EndpointSlice: addresses behind a Service, named by the label `kubernetes.io/service-name`."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ostria.api.kubernetes.references import ObjectReference
from ostria.api.meta import Message, Resource


class EndpointConditions(Message):
    ready: bool | None = None
    """None means ready."""
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Message):
    addresses: tuple[str, ...]
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    hostname: str | None = None
    target_ref: ObjectReference | None = None
    node_name: str | None = None
    zone: str | None = None
    hints: dict[str, Any] | None = None
    deprecated_topology: dict[str, str] = {}


class EndpointPort(Message):
    name: str = ""
    protocol: str = "TCP"
    port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    app_protocol: str | None = None


class EndpointSlice(Resource):
    address_type: Literal["IPv4", "IPv6", "FQDN"]
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
