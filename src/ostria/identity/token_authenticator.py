"""Bearer tokens to callers: a token counts when a key of the JWKS signed it, for us, for now, for a service account.

The JWKS is asked for at every call, so that a source that re-reads its file rotates keys without a restart (`ostria.identity.files.jwks_file`).
"""

from collections.abc import Callable, Mapping
from typing import cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption

from ostria.identity.caller import Caller, Credentials, Unauthenticated
from ostria.identity.spiffe import SpiffeId
from ostria.identity.tokens import AUDIENCE

_ALGORITHMS = ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256"]
_LONGEST_TOKEN = 16 * 1024
_CLOCK_SKEW = 5


class TokenAuthenticator:
    """`trust_domain` is asked at every call, it can change with the mesh's settings. `issuer` pins the `iss` claim where it is known; None trusts whoever's keys are in the JWKS."""

    def __init__(
        self, keys: Callable[[], KeySet], trust_domain: Callable[[], str], *, audience: str = AUDIENCE, issuer: str | None = None
    ) -> None:
        self._keys, self._trust_domain, self._audience, self._issuer = keys, trust_domain, audience, issuer

    def authenticate(self, credentials: Credentials, now: float) -> Caller:
        token = credentials.bearer
        if not token or len(token) > _LONGEST_TOKEN:
            raise Unauthenticated("no bearer token" if not token else "the bearer token is too long")
        claims = self._verified(token, now)
        namespace, account = _service_account(claims)
        bound = _mapping(claims, "kubernetes.io")
        if bound.get("namespace", namespace) != namespace:
            raise Unauthenticated(f"the token's namespace claim contradicts its subject {claims.get('sub')!r}")
        pod, node = _mapping(bound, "pod"), _mapping(bound, "node")
        return Caller(
            identity=SpiffeId(self._trust_domain(), namespace, account),
            pod=_text(pod, "name"),
            pod_uid=_text(pod, "uid"),
            node=_text(node, "name"),
            expires=float(cast("int", claims["exp"])),
        )

    def _verified(self, token: str, now: float) -> Mapping[str, object]:
        wanted: dict[str, ClaimsOption] = {"exp": {"essential": True}, "sub": {"essential": True}}
        wanted["aud"] = {"essential": True, "values": [self._audience]}
        if self._issuer is not None:
            wanted["iss"] = {"essential": True, "value": self._issuer}
        registry = jwt.JWTClaimsRegistry(now=lambda: int(now), leeway=_CLOCK_SKEW, **wanted)
        try:
            claims = jwt.decode(token, self._keys(), algorithms=_ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, OSError) as problem:
            raise Unauthenticated(f"the token is not valid: {problem!r}") from problem
        return claims


def _service_account(claims: Mapping[str, object]) -> tuple[str, str]:
    parts = str(claims.get("sub", "")).split(":")
    if len(parts) != 4 or parts[:2] != ["system", "serviceaccount"] or not all(parts) or any("/" in part for part in parts):
        raise Unauthenticated(f"the token's subject {claims.get('sub')!r} is not a service account")
    return parts[2], parts[3]


def _mapping(claims: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = claims.get(name)
    return value if isinstance(value, dict) else {}


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
