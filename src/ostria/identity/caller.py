"""The seam between credentials and identity: whoever can turn the one into the other is an `Authenticator`.

gRPC servers of grpcio can't ask for an optional client certificate, so port 15012 authenticates by bearer token; certificates can be added behind
this seam (another port, a TLS terminator) without touching anything that uses a `Caller`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ostria.identity.spiffe import SpiffeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What came with a call. `metadata` keys are lower case."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""

    @property
    def bearer(self) -> str:
        """The token of `authorization: Bearer …`, or an empty string."""
        scheme, _, token = self.metadata.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who an authenticated peer is; `pod` and `node` are empty where its credentials don't say."""

    identity: SpiffeId
    pod: str = ""
    pod_uid: str = ""
    node: str = ""
    expires: float = float("inf")
    """Unix time after which these credentials prove nothing."""

    @property
    def namespace(self) -> str:
        return self.identity.namespace

    @property
    def service_account(self) -> str:
        return self.identity.service_account


class Unauthenticated(Exception):
    """The credentials prove nothing. The text is for the log of the server, never for the caller."""


class Authenticator(Protocol):
    def authenticate(self, credentials: Credentials, now: float) -> Caller:
        """Raise Unauthenticated, unless the credentials prove an identity at `now` (Unix seconds)."""
        ...
