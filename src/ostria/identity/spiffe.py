"""SPIFFE names: one URI per workload identity, `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`, spelled as Istio spells it."""

import re
from typing import NamedTuple, Self

_URI = re.compile(r"spiffe://([^/?#\s]+)/ns/([^/?#\s]+)/sa/([^/?#\s]+)")


class SpiffeId(NamedTuple):
    trust_domain: str
    namespace: str
    service_account: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Raise ValueError unless `uri` is a workload identity of the form above."""
        found = _URI.fullmatch(uri)
        if found is None:
            raise ValueError(f"{uri!r} is not of the form spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT")
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"
