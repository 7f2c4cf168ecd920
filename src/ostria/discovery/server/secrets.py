"""Which secrets a proxy may have: those of the namespace that its caller proved, and nothing at all where nobody proved anything.

The names are checked here again although the translator only offers what a gateway's own listeners name: a mistake there must not hand out keys.
"""

from ostria.identity.caller import Caller
from ostria.translate.prepared import Prepared, ResourceSet

_OWN = "kubernetes://"
_GATEWAY = "kubernetes-gateway://"


def secret_namespace(name: str, own: str) -> str | None:
    """The namespace that a secret's resource name speaks of; None for names that are no Kubernetes secrets."""
    if name.startswith(_OWN):
        namespace, slash, _ = name.removeprefix(_OWN).partition("/")
        return namespace if slash else own
    if name.startswith(_GATEWAY):
        namespace, slash, _ = name.removeprefix(_GATEWAY).partition("/")
        return namespace if slash else None
    return None


def allowed(name: str, caller: Caller | None) -> bool:
    return caller is not None and secret_namespace(name, caller.namespace) == caller.namespace


class SecretFilter:
    """What is left of a set for one caller; the same object again for the same set."""

    __slots__ = ("_caller", "_from", "_to")

    def __init__(self, caller: Caller | None) -> None:
        self._caller = caller
        self._from: ResourceSet | None = None
        self._to: ResourceSet | None = None

    def __call__(self, content: ResourceSet) -> ResourceSet:
        if self._to is None or self._from is not content:
            kept: dict[str, Prepared] = {each.name: each for each in content if allowed(each.name, self._caller)}
            self._from = content
            self._to = content if len(kept) == len(content) else ResourceSet(content.type_url, {}, kept)
        return self._to
