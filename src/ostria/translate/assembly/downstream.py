"""What views share that differ in the place of their proxies only: listeners, routes and extensions. A place orders endpoints, and nothing else."""

from collections.abc import Iterator, Mapping

from ostria.snapshot.view import Generator, View
from ostria.translate import names
from ostria.translate.assembly import inputs
from ostria.translate.assembly.extensions import ExtensionAssembly
from ostria.translate.assembly.listeners import ListenerAssembly
from ostria.translate.assembly.proxyless import ProxylessListeners
from ostria.translate.assembly.renewal import Renewal
from ostria.translate.assembly.routes import RouteAssembly
from ostria.translate.assembly.shelf import NOTHING, Shelf
from ostria.translate.patches import Stage
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Workshop


class DownstreamAssembly:
    """Made again type by type, when the type is asked for and what it is made of has changed: for the first of the views, the others find it made."""

    def __init__(self, workshop: Workshop) -> None:
        self._routes = RouteAssembly(workshop)
        self._listeners = ListenerAssembly(workshop)
        self._extensions = ExtensionAssembly(workshop)
        self._proxyless = ProxylessListeners(workshop)
        self._renew_routes = Renewal(inputs.of_routes)
        self._renew_listeners = Renewal(inputs.of_listeners)
        self._renew_extensions = Renewal(inputs.of_extensions)

    def content(self, view: View, type_url: str) -> Mapping[str, Prepared]:
        """The resources of one type; the same mapping as before where nothing of it changed. Unknown types have none."""
        match type_url:
            case names.LDS if view.key.generator is Generator.GRPC:
                self._renew_listeners(view, lambda: self._proxyless.renew(view))
                return self._proxyless.listeners.content
            case names.LDS:
                self._renew_listeners(view, lambda: self._listeners.renew(view, inputs.patches(view, Stage.LISTENER)))
                return self._listeners.listeners.content
            case names.RDS | names.VHDS:
                self._renew_routes(view, lambda: self._routes.renew(view, inputs.patches(view, Stage.ROUTE)))
                return (self._routes.configs if type_url == names.RDS else self._routes.hosts).content
            case names.ECDS:
                self._renew_extensions(view, lambda: self._extensions.renew(inputs.patches(view, Stage.EXTENSION)))
                return self._extensions.extensions.content
            case _:
                return NOTHING

    def shelves(self) -> Iterator[Shelf]:
        yield from (self._listeners.listeners, self._routes.configs, self._routes.hosts)
        yield from (self._extensions.extensions, self._proxyless.listeners)
