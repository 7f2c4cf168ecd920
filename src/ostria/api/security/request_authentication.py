"""RequestAuthentication."""

from typing import Literal

from msgspec import field

from ostria.api.meta import Message, Resource
from ostria.api.scalars import Duration
from ostria.api.selectors import PolicyTargetReference, WorkloadSelector


class JWTHeader(Message):
    name: str
    prefix: str | None = None


class ClaimToHeader(Message):
    claim: str
    header: str


class JWTRule(Message):
    audiences: tuple[str, ...] = ()
    forward_original_token: bool | None = None
    from_cookies: tuple[str, ...] = ()
    from_headers: tuple[JWTHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    issuer: str | None = None
    jwks: str | None = None
    jwks_uri: str | None = None
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    output_payload_to_header: str | None = None
    presence: Literal["OPTIONAL", "REQUIRED"] | None = None
    space_delimited_claims: tuple[str, ...] = ()
    timeout: Duration | None = None


class RequestAuthenticationSpec(Message):
    jwt_rules: tuple[JWTRule, ...] = ()
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()


class RequestAuthentication(Resource):
    spec: RequestAuthenticationSpec = field(default_factory=RequestAuthenticationSpec)
