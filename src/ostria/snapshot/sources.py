"""Routes that can't apply to a view's proxies are gone from it: those of other gateways, and those for other clients.

The variants are kept, so that all views with the same answer share one object.
"""

from typing import NamedTuple

from msgspec import structs

from ostria.snapshot.rewriting import Match, matches_of
from ostria.snapshot.view import ResolvedVirtualService


class Client(NamedTuple):
    """Who asks: through which gateway (`mesh` or NAMESPACE/NAME), from which namespace, with which of the labels that matter."""

    gateway: str
    namespace: str
    labels: tuple[tuple[str, str], ...]


class Variants:
    """VirtualServices cut down to what applies; one object per answer."""

    def __init__(self) -> None:
        self._variants: dict[tuple[ResolvedVirtualService, tuple[bool, ...], tuple[str, ...]], ResolvedVirtualService] = {}

    def keep_only(self, living: frozenset[ResolvedVirtualService]) -> None:
        """Forget variants of objects that are gone."""
        self._variants = {key: variant for key, variant in self._variants.items() if key[0] in living}

    def of(self, vs: ResolvedVirtualService, client: Client, hosts: tuple[str, ...] | None = None) -> ResolvedVirtualService:
        """`hosts`: those of its hosts that it still speaks for."""
        kept = vs.spec.hosts if hosts is None else hosts
        answers = tuple(_applies(m, client) for m in matches_of(vs.spec))
        if all(answers) and kept == vs.spec.hosts:
            return vs
        key = (vs, answers, kept)
        if (known := self._variants.get(key)) is None:
            known = self._variants[key] = _cut(vs, client, kept)
        return known


def _applies(match: Match, client: Client) -> bool:
    if match.gateways and client.gateway not in match.gateways:
        return False
    if match.source_namespace and match.source_namespace != client.namespace:
        return False
    return not match.source_labels or match.source_labels.items() <= dict(client.labels).items()


def _cut(vs: ResolvedVirtualService, client: Client, hosts: tuple[str, ...]) -> ResolvedVirtualService:
    """A route whose every match is gone is gone; one that had none applies to all."""
    spec = structs.replace(
        vs.spec,
        hosts=hosts,
        http=tuple(
            structs.replace(r, match=tuple(m for m in r.match if _applies(m, client)))
            for r in vs.spec.http
            if not r.match or any(_applies(m, client) for m in r.match)
        ),
        tls=tuple(
            structs.replace(r, match=tuple(m for m in r.match if _applies(m, client)))
            for r in vs.spec.tls
            if any(_applies(m, client) for m in r.match)
        ),
        tcp=tuple(
            structs.replace(r, match=tuple(m for m in r.match if _applies(m, client)))
            for r in vs.spec.tcp
            if not r.match or any(_applies(m, client) for m in r.match)
        ),
    )
    return ResolvedVirtualService(owner=vs.owner, api_version=vs.api_version, namespace=vs.namespace, spec=spec, created=vs.created)
