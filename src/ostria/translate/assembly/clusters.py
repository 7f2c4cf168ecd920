"""Clusters and endpoints of a view, service by service: a service whose parts are the same objects as before is not even looked at again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from ostria.registry.model import EndpointSet, Host, Service
from ostria.snapshot.view import ResolvedDestinationRule, View
from ostria.translate import clusters, endpoints
from ostria.translate.assembly.added import added
from ostria.translate.assembly.shelf import Item, Shelf
from ostria.translate.clusters import AnyClusterKey, Client, standing
from ostria.translate.clusters.eds import endpoint_keys
from ostria.translate.names import CDS, EDS
from ostria.translate.patches import Patches
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Workshop


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all clusters of a view depend on."""

    client: Client
    patches: Patches | None
    passes_through: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """One service's share."""

    service: Service
    rule: ResolvedDestinationRule | None
    sets: tuple[EndpointSet, ...]
    clusters: tuple[Item | Prepared, ...]
    assignments: tuple[Item | Prepared, ...]

    def is_of(self, service: Service, rule: ResolvedDestinationRule | None, sets: tuple[EndpointSet, ...]) -> bool:
        return self.service is service and self.rule is rule and self.sets == sets


@dataclass(frozen=True, slots=True)
class _Made:
    """What there is, and for which view."""

    view: View
    frame: _Frame
    parts: Mapping[Host, _Part]


class ClusterAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.clusters = Shelf(CDS)
        self.endpoints = Shelf(EDS)
        self._workshop = workshop
        self._made: _Made | None = None

    def renew(self, view: View, patches: Patches | None) -> None:
        last, frame = self._made, _Frame(clusters.client_of(view), patches, clusters.passes_through(view))
        if last is None or last.frame != frame:
            self._make(view, frame, {})
        elif last.view.services() != view.services() or last.view.rules() != view.rules():
            self._make(view, frame, last.parts)
        else:
            self._follow(view, last)

    def _make(self, view: View, frame: _Frame, known: Mapping[Host, _Part]) -> None:
        parts = {service.host: self._part(view, frame, service, known.get(service.host)) for service in view.services()}
        self._fill_clusters(view, frame, parts)
        self._fill_endpoints(parts)
        self._made = _Made(view, frame, parts)

    def _follow(self, view: View, last: _Made) -> None:
        """The same services under the same rules: only endpoints can have moved, and clusters only with the identities behind them."""
        moved = {service.host: self._part(view, last.frame, service, last.parts[service.host]) for service in view.moved(last.view)}
        parts = {**last.parts, **moved} if moved else last.parts
        if any(part.clusters != last.parts[host].clusters for host, part in moved.items()):
            self._fill_clusters(view, last.frame, parts)
        old = [item for host in moved for item in last.parts[host].assignments]
        new = [item for part in moved.values() for item in part.assignments]
        if old != new and not self.endpoints.replace(old, new):
            self._fill_endpoints(parts)
        self._made = _Made(view, last.frame, parts)

    def _fill_clusters(self, view: View, frame: _Frame, parts: Mapping[Host, _Part]) -> None:
        others = (*self._items(standing.keys(view), frame.patches), *added(self._workshop, CDS, frame.patches))
        self.clusters.fill((*(item for part in parts.values() for item in part.clusters), *others))

    def _fill_endpoints(self, parts: Mapping[Host, _Part]) -> None:
        self.endpoints.fill(item for part in parts.values() for item in part.assignments)

    def beyond(self, hosts: frozenset[str]) -> frozenset[str]:
        """Names of the clusters of all services but these."""
        parts = self._made.parts if self._made is not None else {}
        return frozenset(item.name for part in parts.values() if part.service.host.lower() not in hosts for item in part.clusters)

    def _part(self, view: View, frame: _Frame, service: Service, known: _Part | None) -> _Part:
        rule = view.destination_rule(service.host)
        sets = tuple(view.endpoints(service, port) for port in service.ports)
        if known is not None and known.is_of(service, rule, sets):
            return known
        keys = clusters.service_keys(view, frame.client, service)
        return _Part(service, rule, sets, tuple(self._items(keys, frame.patches)), tuple(self._assignments(view, keys)))

    def _items(self, keys: Iterable[AnyClusterKey], patches: Patches | None) -> Iterator[Item | Prepared]:
        for key in keys:
            name = clusters.name_of(key)
            outcome = self._workshop.make(CDS, key, partial(clusters.build, key), patches.for_cluster(name) if patches else None)
            yield outcome if isinstance(outcome, Prepared) else Item(name, outcome, clusters.origins_of(key))

    def _assignments(self, view: View, keys: Iterable[AnyClusterKey]) -> Iterator[Item | Prepared]:
        for key in endpoint_keys(view, keys):
            outcome = self._workshop.make(EDS, key, partial(endpoints.build, key))
            yield outcome if isinstance(outcome, Prepared) else Item(key.name, outcome, (key.service.owner,))
