"""All resources that the proxies of one view share."""

from collections.abc import Iterator, Mapping

from ostria.snapshot.view import Generator, View
from ostria.translate import names
from ostria.translate.assembly import inputs
from ostria.translate.assembly.clusters import ClusterAssembly
from ostria.translate.assembly.downstream import DownstreamAssembly
from ostria.translate.assembly.menus import Menus
from ostria.translate.assembly.proxyless import ProxylessClusters
from ostria.translate.assembly.renewal import Renewal
from ostria.translate.assembly.shelf import Problem, Shelf
from ostria.translate.on_demand import Menu, Naming, start_hosts
from ostria.translate.patches import Stage
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Workshop


class ViewAssembly:
    """Clusters and endpoints of its own; `downstream` is shared with the views of other places."""

    def __init__(self, workshop: Workshop, downstream: DownstreamAssembly) -> None:
        self._downstream = downstream
        self._clusters = ClusterAssembly(workshop)
        self._proxyless = ProxylessClusters(workshop)
        self._renew_proxyless = Renewal(lambda view: (view,))
        self._menus = Menus()

    def content(self, view: View, type_url: str) -> Mapping[str, Prepared]:
        """The resources of one type; the same mapping as before where nothing of it changed. Unknown types have none."""
        if type_url not in (names.CDS, names.EDS):
            return self._downstream.content(view, type_url)
        grpc = view.key.generator is Generator.GRPC
        if grpc:
            self._renew_proxyless(view, lambda: self._proxyless.renew(view))
        else:
            self._clusters.renew(view, inputs.patches(view, Stage.CLUSTER))
        made = self._proxyless if grpc else self._clusters
        return (made.clusters if type_url == names.CDS else made.endpoints).content

    def menu(self, view: View, naming: Naming) -> Menu:
        """What a proxy that discovers on demand may choose from; the same one as before where nothing of it changed."""
        types = (names.CDS, names.RDS, names.VHDS, names.LDS, names.ECDS)
        contents, start = tuple(self.content(view, each) for each in types), start_hosts(view)
        return self._menus.get(naming, contents, self._clusters.beyond(start), start)

    def problems(self) -> Iterator[Problem]:
        for shelf in self._shelves():
            yield from shelf.problems

    def _shelves(self) -> Iterator[Shelf]:
        yield from (self._clusters.clusters, self._clusters.endpoints, self._proxyless.clusters, self._proxyless.endpoints)
        yield from self._downstream.shelves()
