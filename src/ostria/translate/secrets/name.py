"""Names under which proxies ask for Secrets."""

from typing import NamedTuple

_PLAIN = "kubernetes://"
_GATEWAY = "kubernetes-gateway://"
_ROOTS = "-cacert"


class Reference(NamedTuple):
    """`namespace` is empty where the name leaves it to the proxy's own."""

    namespace: str
    secret: str
    roots: bool

    @property
    def candidates(self) -> tuple[str, ...]:
        """Secrets to look at, in order: roots may have a Secret of their own."""
        return (f"{self.secret}{_ROOTS}", self.secret) if self.roots else (self.secret,)


def parse(name: str) -> Reference | None:
    """None if it isn't the name of a Secret."""
    scheme = next((s for s in (_PLAIN, _GATEWAY) if name.startswith(s)), None)
    if scheme is None:
        return None
    rest = name.removeprefix(scheme)
    namespace, slash, secret = rest.partition("/")
    if not slash:
        namespace, secret = "", rest
    stripped = secret.removesuffix(_ROOTS)
    if not stripped or "/" in stripped or (scheme == _GATEWAY and not slash):
        return None
    return Reference(namespace, stripped, secret != stripped)
