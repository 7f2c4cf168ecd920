"""Requests as the state machines read them, free of protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaRequest:
    """`error` holds Envoy's words when the request is a rejection."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SotwRequest:
    type_url: str
    names: tuple[str, ...] = ()
    version: str = ""
    nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One message for the proxy. `resources` and `removed` count what is in it."""

    type_url: str
    nonce: str
    parts: tuple[bytes, ...]
    """Large parts are shared with other proxies: joined only when it is sent, a response that waits costs next to nothing."""
    resources: int
    removed: int

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))
