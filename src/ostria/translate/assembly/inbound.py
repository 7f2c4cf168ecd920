"""Resources of one workload's inbound side, which its replicas share: how to reach the app, and the listener in front of it."""

from collections.abc import Iterator, Mapping
from functools import partial

from ostria.snapshot.view import Inbound
from ostria.translate import clusters, names
from ostria.translate.assembly.added import added
from ostria.translate.assembly.extensions import ExtensionAssembly
from ostria.translate.assembly.listeners import ListenerAssembly
from ostria.translate.assembly.shelf import NOTHING, Item, Problem, Shelf
from ostria.translate.on_demand import Naming
from ostria.translate.patches import Context, Stage, select
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Workshop


class InboundAssembly:
    """An `Inbound` is one value, so all of it is made at once and never again."""

    def __init__(self, workshop: Workshop, inbound: Inbound) -> None:
        self.inbound = inbound
        self._clusters = Shelf(names.CDS)
        self._listeners = ListenerAssembly(workshop)
        self._extensions = ExtensionAssembly(workshop)
        self._clusters.fill(self._cluster_items(workshop))
        self._listeners.renew_inbound(inbound, select(inbound.patches, Stage.INBOUND_LISTENER, Context.INBOUND))
        self._extensions.renew(select(inbound.patches, Stage.EXTENSION, Context.INBOUND))

    def content(self, type_url: str) -> Mapping[str, Prepared]:
        match type_url:
            case names.CDS:
                return self._clusters.content
            case names.LDS:
                return self._listeners.listeners.content
            case names.ECDS:
                return self._extensions.extensions.content
            case _:
                return NOTHING

    def used(self, naming: Naming) -> frozenset[str]:
        """Clusters of services that its listeners and their filters name."""
        listeners, extensions = self._listeners.listeners.content, self._extensions.extensions.content
        return frozenset((*naming.clusters_of(listeners, names.LDS), *naming.clusters_of(extensions, names.ECDS)))

    def problems(self) -> Iterator[Problem]:
        for shelf in (self._clusters, self._listeners.listeners, self._extensions.extensions):
            yield from shelf.problems

    def _cluster_items(self, workshop: Workshop) -> Iterator[Item]:
        patches = select(self.inbound.patches, Stage.CLUSTER, Context.INBOUND)
        for key in clusters.inbound_keys(self.inbound):
            outcome = workshop.make(names.CDS, key, partial(clusters.build, key), patches)
            yield Item(clusters.name_of(key), outcome, clusters.origins_of(key))
        yield from added(workshop, names.CDS, patches)
