"""Shared shapes."""

from typing import Annotated

from msgspec import Meta

from ostria.api.meta import Message


class PortNumber(Message):
    number: Annotated[int, Meta(ge=0, le=4294967295)] | None = None


class Destination(Message):
    host: str
    port: PortNumber | None = None
    subset: str | None = None
