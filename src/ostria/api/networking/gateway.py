"""Gateway."""

from typing import Annotated

from msgspec import Meta, field

from ostria.api.meta import Message, Resource
from ostria.api.networking.server_tls import ServerTLSSettings


class ServerPort(Message):
    name: str
    number: Annotated[int, Meta(ge=0, le=4294967295)]
    protocol: str
    target_port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None


class Server(Message):
    bind: str | None = None
    default_endpoint: str | None = None
    hosts: tuple[str, ...]
    name: str | None = None
    port: ServerPort
    tls: ServerTLSSettings | None = None


class GatewaySpec(Message):
    selector: dict[str, str] = {}
    servers: tuple[Server, ...] = ()


class Gateway(Resource):
    spec: GatewaySpec = field(default_factory=GatewaySpec)
