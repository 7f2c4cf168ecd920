"""The register of debug pages, and the handler that finds, allows and serves them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from http import HTTPStatus
from typing import Final

from ostria.discovery.debug import contents, dumps, pushes, streams
from ostria.discovery.debug.access import Forbidden, judge, may_see
from ostria.discovery.debug.http import Reply, Request, text
from ostria.discovery.debug.inspection import Inspection
from ostria.discovery.debug.problems import problems
from ostria.discovery.server.connection import Connection
from ostria.discovery.server.thread import WorldThread
from ostria.identity.caller import Authenticator, Caller

MeshPage = Callable[[Inspection], object]
ProxyPage = Callable[[Connection], object]

MESH_PAGES: Final[Mapping[str, tuple[str, MeshPage]]] = {
    "adsz": ("Connected proxies and what they watch", lambda at: streams.adsz(at.connections(), watches=True)),
    "authorizationz": ("Authorization policies", lambda at: contents.authorizationz(at.snapshot(), at.store)),
    "cachez": ("Resources built so far, by type", lambda at: at.builds()),
    "configz": ("Istio objects", lambda at: contents.configz(at.store)),
    "connections": ("Connected proxies", lambda at: streams.adsz(at.connections(), watches=False)),
    "endpointShardz": ("Endpoints by service, namespace and registry", lambda at: contents.endpoint_shardz(at.snapshot())),
    "endpointz": ("Endpoints by service port", lambda at: contents.endpointz(at.snapshot())),
    "instancesz": ("Connected proxies and the services that they serve", lambda at: _instances(at)),
    "mesh": ("The mesh's settings", lambda at: contents.mesh(at.snapshot())),
    "problems": ("Everything that is refused, missing or not built, with file and line", problems),
    "push_status": ("The newest world", lambda at: _push_status(at)),
    "pushes": ("The last pushes: who caused each, what it cost", lambda at: pushes.page(at.pushes)),
    "registryz": ("Services", lambda at: contents.registryz(at.snapshot())),
    "resourcesz": ("Objects by kind", lambda at: contents.resourcesz(at.store)),
    "syncz": ("What was sent to proxies and what they acknowledged", lambda at: streams.syncz(at.connections(), at.locate)),
    "telemetryz": ("Telemetry objects", lambda at: contents.telemetryz(at.snapshot(), at.store)),
}

PROXY_PAGES: Final[Mapping[str, tuple[str, ProxyPage]]] = {
    "cdsz": ("Clusters of ?proxyID=", lambda one: dumps.names_given(one)),
    "config_dump": ("Everything that ?proxyID=NAME.NAMESPACE was given, as Envoy's admin page shows it", dumps.config_dump),
    "edsz": ("Endpoints that ?proxyID= was given", dumps.edsz),
    "ndsz": ("The name table that ?proxyID= was given", dumps.ndsz),
}

_NO_INJECTION = "sidecar injection is not served by this process: there is no template to show\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugPages:
    """The handler of port 8080. What touches the world runs in the world's thread."""

    inspection: Inspection
    thread: WorldThread
    authenticator: Authenticator | None
    ready: Callable[[], bool]
    version: str

    async def __call__(self, request: Request) -> Reply:
        match request.path:
            case "/ready":
                return text("", HTTPStatus.OK if self.ready() else HTTPStatus.SERVICE_UNAVAILABLE)
            case "/version":
                return text(self.version + "\n")
            case "/debug" | "/debug/":
                return self._guard(request, "index") or _index()
            case path if path.startswith("/debug/"):
                return await self._page(request, path.removeprefix("/debug/").rstrip("/"))
            case _:
                return text("not found; the index is at /debug\n", HTTPStatus.NOT_FOUND)

    async def _page(self, request: Request, name: str) -> Reply:
        if name == "inject":
            return text(_NO_INJECTION, HTTPStatus.NOT_FOUND)
        if name in MESH_PAGES:
            return self._guard(request, name) or await self._json(partial(MESH_PAGES[name][1], self.inspection))
        if name in PROXY_PAGES:
            return await self._proxy_page(request, name)
        return text("no such page; the index is at /debug\n", HTTPStatus.NOT_FOUND)

    async def _proxy_page(self, request: Request, name: str) -> Reply:
        proxy_id = request.query.get("proxyID", "")
        found = streams.matching(self.inspection.connections(), proxy_id)
        if (refused := self._guard(request, name, found)) is not None:
            return refused
        if not proxy_id:
            return text("say which proxy: ?proxyID=NAME.NAMESPACE\n", HTTPStatus.BAD_REQUEST)
        if found is None:
            return text("no such proxy is connected to this control plane; /debug/syncz lists those that are\n", HTTPStatus.NOT_FOUND)
        return await self._json(partial(PROXY_PAGES[name][1], found))

    def _guard(self, request: Request, name: str, about: Connection | None = None) -> Reply | None:
        """A refusal, or None."""
        try:
            caller = judge(request, self.authenticator)
        except Forbidden as why:
            return text(f"{why}\n", HTTPStatus.UNAUTHORIZED)
        if self._may(caller, name, about):
            return None
        return text("this page is not for your namespace\n", HTTPStatus.FORBIDDEN)

    def _may(self, caller: Caller | None, name: str, about: Connection | None) -> bool:
        namespace = about.proxy.namespace if about else None
        return may_see(caller, name, namespace, self.inspection.snapshot().mesh.root_namespace)

    async def _json(self, page: Callable[[], object]) -> Reply:
        return await self.thread.run(lambda: Reply(body=json.dumps(page(), indent=2, default=str).encode() + b"\n"))


def _index() -> Reply:
    listed = sorted({**MESH_PAGES, **PROXY_PAGES}.items())
    rows = "".join(f'<tr><td><a href="/debug/{name}">{name}</a></td><td>{escape(page[0])}</td></tr>\n' for name, page in listed)
    body = f"<!doctype html><title>Debug pages</title>\n<table>\n{rows}</table>\n"
    return Reply(body=body.encode(), content_type="text/html; charset=utf-8")


def _instances(at: Inspection) -> object:
    fronts = at.snapshot().world.fronts
    out: dict[str, list[object]] = {}
    for each in at.connections():
        services = fronts.get(each.proxy.workload.owner, ()) if each.proxy.workload else ()
        out[streams.name_of(each)] = [{"service": service.host, "ports": [port.number for port in service.ports]} for service in services]
    return out


def _push_status(at: Inspection) -> object:
    snapshot = at.snapshot()
    return {"version": str(snapshot.version), "services": len(snapshot.world.services.by_host), "proxies": sum(1 for _ in at.connections())}
