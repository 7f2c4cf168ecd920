"""Routes that can't apply to a view's proxies are gone from it: those of other gateways, and those for other clients.

The variants are kept, so that all views with the same answer share one object.
"""

from dataclasses import replace
from typing import NamedTuple, TypeVar

from msgspec import structs

from ostria.api.networking.virtual_service import HTTPRoute, TCPRoute, TLSRoute
from ostria.snapshot.rewriting import Match, matches_of
from ostria.snapshot.view import ResolvedVirtualService

Route = TypeVar("Route", HTTPRoute, TLSRoute, TCPRoute)


class Client(NamedTuple):
    """Who asks: through which gateway (`mesh` or NAMESPACE/NAME), from which namespace, with which of the labels that matter."""

    gateway: str
    namespace: str
    labels: tuple[tuple[str, str], ...]


class Variants:
    """VirtualServices cut down to what applies; one object per answer."""

    def __init__(self) -> None:
        self._variants: dict[tuple[ResolvedVirtualService, tuple[bool, ...], tuple[str, ...]], ResolvedVirtualService] = {}
        self._open: dict[ResolvedVirtualService, bool] = {}
        """Those without any condition on the client, the usual case."""

    def keep_only(self, living: frozenset[ResolvedVirtualService]) -> None:
        """Forget variants of objects that are gone."""
        self._variants = {key: variant for key, variant in self._variants.items() if key[0] in living}
        self._open = {vs: known for vs, known in self._open.items() if vs in living}

    def of(self, vs: ResolvedVirtualService, client: Client, hosts: tuple[str, ...] | None = None) -> ResolvedVirtualService:
        """`hosts`: those of its hosts that it still speaks for."""
        kept = vs.spec.hosts if hosts is None else hosts
        if (known := self._open.get(vs)) is None:
            known = self._open[vs] = not any(m.gateways or m.source_namespace or m.source_labels for m in matches_of(vs.spec))
        answers = () if known else tuple(_applies(m, client) for m in matches_of(vs.spec))
        if all(answers) and kept == vs.spec.hosts:
            return vs
        key = (vs, answers, kept)
        if (variant := self._variants.get(key)) is None:
            variant = self._variants[key] = _cut(vs, client, kept)
        return variant


def _applies(match: Match, client: Client) -> bool:
    if match.gateways and client.gateway not in match.gateways:
        return False
    if match.source_namespace and match.source_namespace != client.namespace:
        return False
    return not match.source_labels or match.source_labels.items() <= dict(client.labels).items()


def _cut(vs: ResolvedVirtualService, client: Client, hosts: tuple[str, ...]) -> ResolvedVirtualService:
    http, tls, tcp = _kept(vs.spec.http, client), _kept(vs.spec.tls, client), _kept(vs.spec.tcp, client)
    rules = (
        tuple(vs.rule("http", index).rule or 0 for index, _ in http),
        tuple(vs.rule("tls", index).rule or 0 for index, _ in tls),
        tuple(vs.rule("tcp", index).rule or 0 for index, _ in tcp),
    )
    spec = structs.replace(vs.spec, hosts=hosts, http=tuple(r for _, r in http), tls=tuple(r for _, r in tls), tcp=tuple(r for _, r in tcp))
    return replace(vs, spec=spec, rules=rules)


def _kept(routes: tuple[Route, ...], client: Client) -> list[tuple[int, Route]]:
    """A route whose every match is gone is gone; one that had none applies to all."""
    kept: list[tuple[int, Route]] = []
    for index, route in enumerate(routes):
        match = tuple(m for m in route.match if _applies(m, client))
        if match or not route.match:
            kept.append((index, structs.replace(route, match=match)))
    return kept
