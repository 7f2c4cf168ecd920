"""Service account tokens shaped as Kubernetes shapes them, so that one authenticator serves a single machine and a cluster.

On one machine the supervisor is the issuer: it keeps a `TokenIssuer` and hands its JWKS to the control plane.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE = "istio-ca"
ISSUER = "https://ostria.local"
LIFETIME = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSubject:
    """The workload that a token speaks for."""

    namespace: str
    service_account: str
    pod: str
    pod_uid: str = ""
    node: str = ""


class TokenIssuer:
    """Signs tokens with one ES256 key. `pem` brings a key back that `pem()` gave out; None makes a new one."""

    def __init__(self, pem: bytes | None = None, issuer: str = ISSUER) -> None:
        key = ECKey.generate_key("P-256", private=True) if pem is None else ECKey.import_key(pem)
        self._key = ECKey.import_key(key.as_pem(private=True), {"kid": key.thumbprint(), "use": "sig", "alg": "ES256"})
        self._issuer = issuer

    def pem(self) -> bytes:
        """The private key; whoever holds it can be anybody in the mesh."""
        return self._key.as_pem(private=True)

    def jwks(self) -> str:
        """The JSON document that lets others check these tokens."""
        return json.dumps({"keys": [self._key.as_dict(private=False)]})

    def issue(self, subject: TokenSubject, now: float, *, lifetime: float = LIFETIME, audience: str = AUDIENCE) -> str:
        """A token valid from `now` (Unix seconds) for `lifetime` seconds."""
        name = f"system:serviceaccount:{subject.namespace}:{subject.service_account}"
        bound = {
            "namespace": subject.namespace,
            "serviceaccount": {"name": subject.service_account, "uid": _uid(name)},
            "pod": {"name": subject.pod, "uid": subject.pod_uid or _uid(f"pod:{subject.namespace}/{subject.pod}")},
        }
        if subject.node:
            bound["node"] = {"name": subject.node, "uid": _uid(f"node:{subject.node}")}
        begin = int(now)
        times = {"iat": begin, "nbf": begin, "exp": int(now + lifetime)}
        claims = {"iss": self._issuer, "sub": name, "aud": [audience], **times, "kubernetes.io": bound}
        header = {"alg": "ES256", "typ": "JWT", "kid": cast("str", self._key.kid)}
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])


def _uid(name: str) -> str:
    """A stable UUID-shaped name: uids have no meaning here, but readers of Kubernetes tokens expect them."""
    digest = sha256(name.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
