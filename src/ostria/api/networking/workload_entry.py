"""WorkloadEntry."""

from typing import Annotated

from msgspec import Meta

from ostria.api.meta import Message, Resource


class WorkloadEntrySpec(Message):
    address: str | None = None
    labels: dict[str, str] = {}
    locality: str | None = None
    network: str | None = None
    ports: dict[str, Annotated[int, Meta(ge=0, le=4294967295)]] = {}
    service_account: str | None = None
    weight: Annotated[int, Meta(ge=0, le=4294967295)] | None = None


class WorkloadEntry(Resource):
    spec: WorkloadEntrySpec
