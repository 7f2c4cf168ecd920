"""Resources of gRPC clients that speak xDS themselves."""

from collections.abc import Iterator
from functools import partial

from ostria.snapshot.view import View
from ostria.translate import endpoints, grpc, names
from ostria.translate.assembly.shelf import Item, Shelf
from ostria.translate.clusters import outbound
from ostria.translate.clusters.discovery import Discovery
from ostria.translate.clusters.eds import endpoint_keys
from ostria.translate.clusters.key import ClusterKey
from ostria.translate.workshop import Workshop


class ProxylessListeners:
    def __init__(self, workshop: Workshop) -> None:
        self.listeners = Shelf(names.LDS)
        self._workshop = workshop

    def renew(self, view: View) -> None:
        self.listeners.fill(
            Item(key.name, self._workshop.make(names.LDS, key, partial(grpc.build_listener, key)), (key.owner,))
            for key in grpc.listener_keys(view)
        )


class ProxylessClusters:
    def __init__(self, workshop: Workshop) -> None:
        self.clusters = Shelf(names.CDS)
        self.endpoints = Shelf(names.EDS)
        self._workshop = workshop

    def renew(self, view: View) -> None:
        """Only what the control plane knows the endpoints of."""
        keys = [key for key in outbound.keys(view) if outbound.discovery_of(key) is Discovery.EDS]
        self.clusters.fill(self._clusters(keys))
        self.endpoints.fill(self._assignments(view, keys))

    def _clusters(self, keys: list[ClusterKey]) -> Iterator[Item]:
        for key in keys:
            outcome = self._workshop.make(names.CDS, ("grpc", key), partial(grpc.build_cluster, key))
            yield Item(outbound.name_of(key), outcome, outbound.origins_of(key))

    def _assignments(self, view: View, keys: list[ClusterKey]) -> Iterator[Item]:
        for key in endpoint_keys(view, keys):
            yield Item(key.name, self._workshop.make(names.EDS, key, partial(endpoints.build, key)), (key.service.owner,))
