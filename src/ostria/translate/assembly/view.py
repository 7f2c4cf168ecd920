"""All resources that the proxies of one view share."""

from collections.abc import Callable, Iterator, Mapping

from ostria.snapshot.view import Generator, ProxyType, View
from ostria.translate import names
from ostria.translate.assembly import inputs
from ostria.translate.assembly.clusters import ClusterAssembly
from ostria.translate.assembly.extensions import ExtensionAssembly
from ostria.translate.assembly.listeners import ListenerAssembly
from ostria.translate.assembly.menus import Menus
from ostria.translate.assembly.proxyless import ProxylessAssembly
from ostria.translate.assembly.routes import RouteAssembly
from ostria.translate.assembly.shelf import NOTHING, Problem, Shelf
from ostria.translate.on_demand import Menu, Naming, start_hosts
from ostria.translate.patches import Context, Patches, Stage, select
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Workshop


class ViewAssembly:
    """Made again type by type, when the type is asked for and what it is made of has changed."""

    def __init__(self, workshop: Workshop) -> None:
        self._clusters = ClusterAssembly(workshop)
        self._routes = RouteAssembly(workshop)
        self._listeners = ListenerAssembly(workshop)
        self._extensions = ExtensionAssembly(workshop)
        self._proxyless = ProxylessAssembly(workshop)
        self._menus = Menus()
        self._inputs: dict[str, tuple[object, ...]] = {}
        self._views: dict[str, View] = {}

    def content(self, view: View, type_url: str) -> Mapping[str, Prepared]:
        """The resources of one type; the same mapping as before where nothing of it changed. Unknown types have none."""
        grpc = view.key.generator is Generator.GRPC
        match type_url:
            case names.CDS | names.EDS:
                self._renew("clusters", view, None, lambda: self._renew_clusters(view, grpc=grpc))
                source = self._proxyless if grpc else self._clusters
                return (source.clusters if type_url == names.CDS else source.endpoints).content
            case names.LDS:
                self._renew("listeners", view, inputs.of_listeners, lambda: self._renew_listeners(view, grpc=grpc))
                return (self._proxyless.listeners if grpc else self._listeners.listeners).content
            case names.RDS | names.VHDS:
                self._renew("routes", view, inputs.of_routes, lambda: self._routes.renew(view, self._patches(view, Stage.ROUTE)))
                return (self._routes.configs if type_url == names.RDS else self._routes.hosts).content
            case names.ECDS:
                self._renew("extensions", view, inputs.of_routes, lambda: self._extensions.renew(self._patches(view, Stage.EXTENSION)))
                return self._extensions.extensions.content
            case _:
                return NOTHING

    def menu(self, view: View, naming: Naming) -> Menu:
        """What a proxy that discovers on demand may choose from; the same one as before where nothing of it changed."""
        types = (names.CDS, names.RDS, names.VHDS, names.LDS, names.ECDS)
        contents, start = tuple(self.content(view, each) for each in types), start_hosts(view)
        return self._menus.get(naming, contents, self._clusters.beyond(start), start)

    def problems(self) -> Iterator[Problem]:
        for shelf in self._shelves():
            yield from shelf.problems

    def _shelves(self) -> Iterator[Shelf]:
        yield from (self._clusters.clusters, self._clusters.endpoints, self._listeners.listeners)
        yield from (self._routes.configs, self._routes.hosts, self._extensions.extensions)
        yield from (self._proxyless.clusters, self._proxyless.endpoints, self._proxyless.listeners)

    def _renew(self, part: str, view: View, made_of: Callable[[View], tuple[object, ...]] | None, renew: Callable[[], None]) -> None:
        """`made_of` is None where the part compares what it is made of itself."""
        if self._views.get(part) is view:
            return
        now = made_of(view) if made_of is not None else (view,)
        if self._inputs.get(part) != now:
            renew()
            self._inputs[part] = now
        self._views[part] = view

    def _renew_clusters(self, view: View, *, grpc: bool) -> None:
        if grpc:
            self._proxyless.renew_clusters(view)
        else:
            self._clusters.renew(view, self._patches(view, Stage.CLUSTER))

    def _renew_listeners(self, view: View, *, grpc: bool) -> None:
        if grpc:
            self._proxyless.renew_listeners(view)
        else:
            self._listeners.renew(view, self._patches(view, Stage.LISTENER))

    @staticmethod
    def _patches(view: View, stage: Stage) -> Patches | None:
        context = Context.GATEWAY if view.key.type is ProxyType.ROUTER else Context.OUTBOUND
        return select(view.patches, stage, context, view.key.gateway_ports)
