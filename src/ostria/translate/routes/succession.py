"""A VirtualService that takes its predecessor's place: which hosts there are, and who has which name, is then as before, and is not worked out again.

Most changes of a VirtualService are of what its routes do, and a view has thousands of hosts that have nothing to do with it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from ostria.snapshot.view import EgressListener, GatewayServer, ResolvedVirtualService, View
from ostria.translate.routes import plan
from ostria.translate.routes.key import RouteConfigKey, Routes, VirtualHostKey, VirtualServiceRoutes
from ostria.translate.routes.sources import Sources

Binder = EgressListener | GatewayServer
"""What VirtualServices are bound to."""
Successors = Mapping[int, ResolvedVirtualService]
"""By the identity of the one before."""

_FRAMES = {kind: tuple(f.name for f in fields(kind) if f.name != "virtual_services") for kind in (EgressListener, GatewayServer)}


def binders(view: View) -> tuple[Binder, ...]:
    return (*view.egress, *view.servers)


def frame(binder: Binder) -> tuple[object, ...]:
    """All that it is but for its VirtualServices."""
    return tuple(getattr(binder, name) for name in _FRAMES[type(binder)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    fixed: tuple[object, ...]
    binders: tuple[Binder, ...]
    keys: tuple[RouteConfigKey, ...]


class Planner:
    """Plans the route configurations of one view, or of views that differ in the place of their proxies only, again and again."""

    def __init__(self) -> None:
        self._last: _Planned | None = None

    def keys(self, view: View) -> tuple[RouteConfigKey, ...]:
        """As `plan.keys` has them."""
        fixed, bound = (view.mesh, view.services(), view.rules(), view.outbound_policy), binders(view)
        last = self._last
        successors = _successors(last.binders, bound) if last is not None and last.fixed == fixed else None
        if last is None or successors is None:
            keys = plan.keys(view)
        else:
            keys = tuple(_succeeded(last.keys, successors, view))
        self._last = _Planned(fixed=fixed, binders=bound, keys=keys)
        return keys


def _successors(old: tuple[Binder, ...], new: tuple[Binder, ...]) -> Successors | None:
    """None where something else is new than what VirtualServices do with requests."""
    if len(old) != len(new):
        return None
    found: dict[int, ResolvedVirtualService] = {}
    for before, after in zip(old, new, strict=True):
        if before is after:
            continue
        if frame(before) != frame(after) or len(before.virtual_services) != len(after.virtual_services):
            return None
        for a, b in zip(before.virtual_services, after.virtual_services, strict=True):
            if not _takes_the_place(a, b) or found.setdefault(id(a), b) is not b:
                return None
    return {known: vs for known, vs in found.items() if id(vs) != known}


def _takes_the_place(old: ResolvedVirtualService, new: ResolvedVirtualService) -> bool:
    if old is new:
        return True
    same = old.owner == new.owner and old.spec.hosts == new.spec.hosts and old.spec.gateways == new.spec.gateways
    return same and _speaks_at(old) == _speaks_at(new)


def _speaks_at(vs: ResolvedVirtualService) -> frozenset[tuple[int, tuple[str, ...]]]:
    """What decides where it has routes: see `claims.has_routes`."""
    return frozenset(
        at for route in vs.spec.http for at in ([(m.port or 0, tuple(m.gateways)) for m in route.match] if route.match else [(0, ())])
    )


def _succeeded(keys: tuple[RouteConfigKey, ...], successors: Successors, view: View) -> Iterator[RouteConfigKey]:
    made: dict[bool, Sources] = {}

    def routes(old: Routes) -> Routes:
        if type(old) is not VirtualServiceRoutes or (new := successors.get(id(old.virtual_service))) is None:
            return old
        sources = made.setdefault(old.grpc, Sources(view, grpc=old.grpc))
        return sources.for_virtual_service(new, old.port, view.service, old.gateway, tls=old.tls)

    def host(old: VirtualHostKey) -> VirtualHostKey:
        new = _mapped(old.routes, routes)
        return old if new is old.routes else replace(old, routes=new)

    for key in keys:
        hosts = _mapped(key.hosts, host)
        yield key if hosts is key.hosts else replace(key, hosts=hosts)


T = TypeVar("T")


def _mapped(items: tuple[T, ...], change: Callable[[T], T]) -> tuple[T, ...]:
    """The very tuple where nothing in it changes."""
    made = tuple(map(change, items))
    return items if all(a is b for a, b in zip(items, made, strict=True)) else made
