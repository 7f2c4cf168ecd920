"""Endpoints: the older form of EndpointSlice, still written by hand for services without a selector."""

from ostria.api.kubernetes.references import ObjectReference
from ostria.api.kubernetes.service import PortNumber
from ostria.api.meta import Message, Resource


class EndpointAddress(Message):
    ip: str
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointPort(Message):
    name: str = ""
    port: PortNumber
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSubset(Message):
    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Resource):
    subsets: tuple[EndpointSubset, ...] = ()
