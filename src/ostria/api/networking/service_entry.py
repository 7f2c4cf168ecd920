"""ServiceEntry."""

from typing import Annotated, Literal

from msgspec import Meta

from ostria.api.meta import Message, Resource
from ostria.api.networking.workload_entry import WorkloadEntrySpec
from ostria.api.selectors import LabelSelector


class ServicePort(Message):
    name: str
    number: Annotated[int, Meta(ge=0, le=4294967295)]
    protocol: str | None = None
    target_port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None


class ServiceEntrySpec(Message):
    addresses: tuple[str, ...] = ()
    endpoints: tuple[WorkloadEntrySpec, ...] = ()
    export_to: tuple[str, ...] = ()
    hosts: tuple[str, ...]
    location: Literal["MESH_EXTERNAL", "MESH_INTERNAL"] | None = None
    ports: tuple[ServicePort, ...] = ()
    resolution: Literal["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"] | None = None
    subject_alt_names: tuple[str, ...] = ()
    workload_selector: LabelSelector | None = None


class ServiceEntry(Resource):
    spec: ServiceEntrySpec
