"""Clusters and endpoints of a view, service by service: a service whose parts are the same objects as before is not even planned again."""

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


class ClusterAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.clusters = Shelf(CDS)
        self.endpoints = Shelf(EDS)
        self._workshop = workshop
        self._frame: _Frame | None = None
        self._parts: Mapping[Host, _Part] = {}

    def renew(self, view: View, patches: Patches | None) -> None:
        frame = _Frame(clusters.client_of(view), patches, clusters.passes_through(view))
        known = self._parts if frame == self._frame else {}
        self._frame = frame
        self._parts = {service.host: self._part(view, frame, service, known.get(service.host)) for service in view.services()}
        others = (*self._items(standing.keys(view), patches), *added(self._workshop, CDS, patches))
        self.clusters.fill((*(item for part in self._parts.values() for item in part.clusters), *others))
        self.endpoints.fill(item for part in self._parts.values() for item in part.assignments)

    def beyond(self, hosts: frozenset[str]) -> frozenset[str]:
        """Names of the clusters of all services but these."""
        return frozenset(item.name for part in self._parts.values() if part.service.host.lower() not in hosts for item in part.clusters)

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
