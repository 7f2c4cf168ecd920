"""PeerAuthentication."""

from typing import Literal

from msgspec import field

from ostria.api.meta import Message, Resource
from ostria.api.selectors import WorkloadSelector


class MutualTLS(Message):
    mode: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] | None = None


class PeerAuthenticationSpec(Message):
    mtls: MutualTLS | None = None
    port_level_mtls: dict[str, MutualTLS] = {}
    selector: WorkloadSelector | None = None


class PeerAuthentication(Resource):
    spec: PeerAuthenticationSpec = field(default_factory=PeerAuthenticationSpec)
