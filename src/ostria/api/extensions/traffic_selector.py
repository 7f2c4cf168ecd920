"""Shared shapes."""

from typing import Annotated, Literal

from msgspec import Meta

from ostria.api.meta import Message


class PortSelector(Message):
    number: Annotated[int, Meta(ge=1, le=65535)]


class TrafficSelector(Message):
    mode: Literal["UNDEFINED", "CLIENT", "SERVER", "CLIENT_AND_SERVER"] | None = None
    ports: tuple[PortSelector, ...] = ()
