"""All VirtualServices of the world, resolved once and shared by every view that sees them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from msgspec import structs

from ostria.api.meta import ObjectKey
from ostria.api.networking.virtual_service import HTTPRoute, VirtualService
from ostria.registry import visibility
from ostria.registry.model import Namespace
from ostria.snapshot import delegates
from ostria.snapshot.rewriting import matches_of, spelled_out
from ostria.snapshot.view import ResolvedVirtualService


class Bound:
    """The VirtualServices of one gateway, oldest first, by who may see them: most namespaces see the same, which is one tuple."""

    __slots__ = ("_everywhere", "_only", "_public")

    def __init__(self, bound: Iterable[tuple[ResolvedVirtualService, frozenset[str]]]) -> None:
        """Each with the namespaces that it is exported to."""
        self._everywhere: list[tuple[int, ResolvedVirtualService]] = []
        self._only: dict[str, list[tuple[int, ResolvedVirtualService]]] = {}
        for age, (vs, export_to) in enumerate(bound):
            if "*" in export_to:
                self._everywhere.append((age, vs))
            else:
                for namespace in export_to:
                    self._only.setdefault(namespace, []).append((age, vs))
        self._public = tuple(vs for _, vs in self._everywhere)

    def seen_from(self, namespace: str) -> tuple[ResolvedVirtualService, ...]:
        own = self._only.get(namespace)
        return self._public if own is None else tuple(vs for _, vs in sorted((*self._everywhere, *own), key=itemgetter(0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VirtualServices:
    """Oldest first. `export_to` by object; `labels` are the names that some sourceLabels asks for."""

    all: tuple[ResolvedVirtualService, ...]
    export_to: Mapping[ObjectKey, frozenset[str]]
    labels: frozenset[str]
    by_gateway: Mapping[str, Bound]
    missing: Mapping[ObjectKey, tuple[str, ...]]
    """Delegates that a root names but that it can't use, as NAMESPACE/NAME."""

    def seen_from(self, namespace: str, gateway: str) -> tuple[ResolvedVirtualService, ...]:
        """Those of a gateway (`mesh` or NAMESPACE/NAME) that the namespace may see."""
        bound = self.by_gateway.get(gateway)
        return bound.seen_from(namespace) if bound is not None else ()


class Resolver:
    """Resolves VirtualServices, and returns the same object while nothing that it is made of changed."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self._known: dict[ObjectKey, tuple[tuple[object, ...], ResolvedVirtualService]] = {}

    def resolve(self, objects: Sequence[VirtualService], export_default: tuple[str, ...]) -> VirtualServices:
        """`objects` are oldest first."""
        leaves = {(o.metadata.namespace, o.metadata.name): o for o in objects if not o.spec.hosts}
        resolved: dict[ObjectKey, tuple[tuple[object, ...], ResolvedVirtualService]] = {}
        for item in objects:
            if item.spec.hosts:
                key = ObjectKey("VirtualService", item.metadata.namespace, item.metadata.name)
                resolved[key] = self._one(key, item, leaves, export_default)
        self._known = resolved
        every = tuple(vs for _, vs in resolved.values())
        export_to = {
            ObjectKey("VirtualService", o.metadata.namespace, o.metadata.name): visibility.exported(
                o.spec.export_to, o.metadata.namespace, export_default
            )
            for o in objects
        }
        return VirtualServices(
            all=every,
            export_to=export_to,
            labels=frozenset(name for vs in every for name in _source_labels(vs)),
            by_gateway=_by_gateway(every, export_to),
            missing=_missing(objects, leaves, export_default),
        )

    def _one(
        self, key: ObjectKey, item: VirtualService, leaves: Mapping[tuple[str, str], VirtualService], export_default: tuple[str, ...]
    ) -> tuple[tuple[object, ...], ResolvedVirtualService]:
        namespace = item.metadata.namespace
        used = [leaves.get((r.delegate.namespace or namespace, r.delegate.name or "")) for r in item.spec.http if r.delegate]
        inputs = (item, *used, export_default) if used else (item,)
        known = self._known.get(key)
        if known is not None and len(known[0]) == len(inputs) and all(a is b for a, b in zip(known[0], inputs, strict=True)):
            return known

        def lookup(ns: str, name: str) -> tuple[HTTPRoute, ...] | None:
            leaf = leaves.get((ns, name))
            if leaf is None or not _usable(leaf, namespace, export_default):
                return None
            return spelled_out(leaf.spec, ns, self._domain).http

        spec = spelled_out(item.spec, namespace, self._domain)
        rules = None
        if used:
            routes = delegates.merged(spec.http, namespace, lookup)
            rules = (tuple(index for index, _ in routes), tuple(range(len(spec.tls))), tuple(range(len(spec.tcp))))
            spec = structs.replace(spec, http=tuple(route for _, route in routes))
        created = item.metadata.creation_timestamp or ""
        resolved = ResolvedVirtualService(
            owner=key, api_version=item.api_version, namespace=Namespace(namespace), spec=spec, created=created, rules=rules
        )
        return inputs, resolved


def _missing(
    objects: Sequence[VirtualService], leaves: Mapping[tuple[str, str], VirtualService], export_default: tuple[str, ...]
) -> dict[ObjectKey, tuple[str, ...]]:
    found: dict[ObjectKey, tuple[str, ...]] = {}
    for item in objects:
        own = item.metadata.namespace
        named = [(r.delegate.namespace or own, r.delegate.name or "") for r in item.spec.http if r.delegate]
        lost = tuple(f"{ns}/{name}" for ns, name in named if not _usable(leaves.get((ns, name)), own, export_default))
        if lost:
            found[ObjectKey("VirtualService", own, item.metadata.name)] = lost
    return found


def _usable(leaf: VirtualService | None, namespace: str, export_default: tuple[str, ...]) -> bool:
    return leaf is not None and visibility.sees(
        namespace, visibility.exported(leaf.spec.export_to, leaf.metadata.namespace, export_default)
    )


def _by_gateway(every: Iterable[ResolvedVirtualService], export_to: Mapping[ObjectKey, frozenset[str]]) -> dict[str, Bound]:
    found: dict[str, list[tuple[ResolvedVirtualService, frozenset[str]]]] = {}
    for vs in every:
        for gateway in dict.fromkeys(vs.spec.gateways):
            found.setdefault(gateway, []).append((vs, export_to[vs.owner]))
    return {gateway: Bound(bound) for gateway, bound in found.items()}


def _source_labels(vs: ResolvedVirtualService) -> Iterable[str]:
    for match in matches_of(vs.spec):
        yield from match.source_labels
