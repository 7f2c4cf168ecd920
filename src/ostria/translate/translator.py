"""From a snapshot and a proxy to the resources that the proxy gets: the one entrance to this room.

A proxy maps to a view, which it shares with others, and to an inbound side, which it shares with its replicas; whole mappings of prepared bytes hang on
these two, so the work per proxy is a few look-ups, however large the mesh. When the world changes, each view makes again what has other keys, and
all views share what comes to equal keys.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from ostria.config.store import Stored
from ostria.snapshot.name_table import Name
from ostria.snapshot.view import Generator, Inbound, Proxy, ProxyType, View, ViewKey
from ostria.translate import names
from ostria.translate.assembly.downstream import DownstreamAssembly
from ostria.translate.assembly.inbound import InboundAssembly
from ostria.translate.assembly.names import NameAssembly
from ostria.translate.assembly.secrets import SecretAssembly
from ostria.translate.assembly.shelf import NOTHING, Problem
from ostria.translate.assembly.view import ViewAssembly
from ostria.translate.on_demand import Menu, Naming, WorkloadOffer
from ostria.translate.patches import problem_of
from ostria.translate.prepared import Prepared, ResourceSet
from ostria.translate.workshop import Tamper, Workshop

K = TypeVar("K")
V = TypeVar("V")

_GENERATIONS = 3
"""Snapshots for which a proxy that did not ask is remembered."""
_KEPT = 16
"""Snapshots for which a view or inbound side that no proxy asked for is kept: proxies reconnect, and where snapshots come fast many wait their turn."""


_CHOSEN = (names.CDS, names.VHDS)
"""Types of which a proxy that discovers on demand gets what it chooses."""
_IDLE_VIEWS, _IDLE_INBOUNDS = 64, 4096
"""How many of those there may be at one snapshot: whoever connects with ever new metadata in a mesh at rest must not fill the memory."""


class Snapshot(Protocol):
    """What the translator asks of a snapshot; see `ostria.snapshot.snapshots`."""

    @property
    def version(self) -> int: ...
    @property
    def places(self) -> object: ...
    def view_key(self, proxy: Proxy) -> ViewKey: ...
    def view(self, key: ViewKey) -> View: ...
    def inbound(self, proxy: Proxy) -> Inbound: ...
    def secret(self, namespace: str, name: str) -> Stored | None: ...
    def name_table(self, view: View) -> tuple[Name, ...]: ...


class _Shared:
    """Everything that the proxies of one view share."""

    def __init__(self, workshop: Workshop, naming: Naming, key: ViewKey, downstream: DownstreamAssembly) -> None:
        self.key = key
        self._naming = naming
        self.used = 0
        self.changed_at = 0
        """The version of the snapshot in which the view was new."""
        self.resources = ViewAssembly(workshop, downstream)
        self.secrets = SecretAssembly(workshop)
        self.names = NameAssembly(workshop)
        self._snapshot: Snapshot | None = None
        self._view: View | None = None
        self._current: dict[str, Mapping[str, Prepared]] = {}

    def advance(self, snapshot: Snapshot) -> None:
        if self._snapshot is not snapshot:
            self._snapshot, view = snapshot, snapshot.view(self.key)
            self._current.clear()
            if view is not self._view:
                self._view, self.changed_at = view, snapshot.version

    def content(self, snapshot: Snapshot, type_url: str) -> Mapping[str, Prepared]:
        """Worked out when first asked for in a version."""
        self.advance(snapshot)
        found = self._current.get(type_url)
        if found is None:
            found = self._current[type_url] = self._make(snapshot, self.view, type_url)
        return found

    def menu(self, snapshot: Snapshot) -> Menu | None:
        """None where proxies are given everything."""
        self.advance(snapshot)
        return self.resources.menu(self.view, self._naming) if self.key.on_demand else None

    @property
    def view(self) -> View:
        if self._view is None:
            raise RuntimeError("advance() has not been called")
        return self._view

    def _make(self, snapshot: Snapshot, view: View, type_url: str) -> Mapping[str, Prepared]:
        if type_url == names.SDS:
            users = (*self.content(snapshot, names.CDS).values(), *self.content(snapshot, names.LDS).values())
            return self.secrets.renew(self.key, snapshot, users)
        if type_url == names.NDS:
            return self.names.renew(snapshot.name_table(view)) if self.key.dns_capture else NOTHING
        return self.resources.content(view, type_url)

    def problems(self) -> Iterator[Problem]:
        yield from self.resources.problems()
        yield from self.secrets.secrets.problems
        for owner, patch in self.view.patches.patches:
            if (words := problem_of(patch)) is not None:
                yield Problem(type_url="", name="", origins=(owner,), words=words)


@dataclass(slots=True, eq=False)
class _Own:
    """The inbound side of a workload, and the last generation that asked for it."""

    resources: InboundAssembly
    used: int

    @property
    def inbound(self) -> Inbound:
        return self.resources.inbound


@dataclass(slots=True)
class _Place:
    """Where a proxy belongs, and the last generation in which it was found to; so it stays as long as `places` are the snapshot's."""

    proxy: Proxy
    places: object
    generation: int
    shared: _Shared
    own: _Own | None


class Translator:
    """Ask it for the newest snapshot only. `tamper` spoils resources before they are serialized: for tests that provoke a proxy's refusal."""

    def __init__(self, tamper: Tamper | None = None) -> None:
        self._workshop = Workshop(tamper)
        self._naming = Naming()
        self._shared: dict[ViewKey, _Shared] = {}
        self._downstream: WeakValueDictionary[ViewKey, DownstreamAssembly] = WeakValueDictionary()
        self._own: dict[Inbound, _Own] = {}
        self._places: dict[str, _Place] = {}
        self._sets: dict[tuple[_Shared, _Own | None, str], ResourceSet] = {}
        self._contents: dict[tuple[_Shared, _Own | None, tuple[str, ...]], Mapping[str, ResourceSet]] = {}
        """Of the newest snapshot."""
        self._snapshot: Snapshot | None = None
        self._generation = 0
        """Counts the snapshots seen: their own versions begin anew when the world is built anew."""
        self._views_look = _IDLE_VIEWS
        self._inbounds_look = _IDLE_INBOUNDS
        """At how many of each to look for idle ones next."""

    @property
    def builds(self) -> Mapping[str, int]:
        """How many resources of each type were built so far, by type URL."""
        return self._workshop.builds

    def contents(self, snapshot: Snapshot, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        """Everything of some types that the proxy may have, in their order; the same set as before where nothing in it changed.

        The mapping is one for all proxies of a place, and not to be written to.
        """
        self._advance(snapshot)
        place = self._place(snapshot, proxy)
        at = (place.shared, place.own, types)
        found = self._contents.get(at)
        if found is None:
            found = self._contents[at] = {type_url: self._set(snapshot, place, type_url) for type_url in types}
        return found

    def resources(self, snapshot: Snapshot, proxy: Proxy, type_url: str) -> ResourceSet:
        """The same of one type."""
        return self.contents(snapshot, proxy, (type_url,))[type_url]

    def _set(self, snapshot: Snapshot, place: _Place, type_url: str) -> ResourceSet:
        shared = place.shared.content(snapshot, type_url)
        own = place.own.resources.content(type_url) if place.own is not None else NOTHING
        offer = self._offer(snapshot, place) if type_url in _CHOSEN else None
        at = (place.shared, place.own if own or offer else None, type_url)
        found = self._sets.get(at)
        if found is None or found.shared is not shared or found.own is not own or found.offer != offer:
            found = self._sets[at] = ResourceSet(type_url, shared, own, offer)
        return found

    def _offer(self, snapshot: Snapshot, place: _Place) -> WorkloadOffer | None:
        if (menu := place.shared.menu(snapshot)) is None:
            return None
        return WorkloadOffer(menu, place.own.resources.used(self._naming) if place.own is not None else frozenset())

    def same(self, snapshot: Snapshot, held: Iterable[tuple[Snapshot | None, Proxy]]) -> list[bool]:
        """Which proxies, completed in older snapshots, have the same resources as they had there; told by a glance, so False is no proof."""
        self._advance(snapshot)
        return [older is not None and self._has_all(snapshot, proxy, older) for older, proxy in held]

    def _has_all(self, snapshot: Snapshot, proxy: Proxy, older: Snapshot) -> bool:
        place = self._places.get(proxy.id)
        if place is None or place.proxy is not proxy or not (place.places is older.places is snapshot.places):
            return False
        place.shared.advance(snapshot)
        if place.shared.changed_at > older.version:
            return False
        self._stay(place)
        return True

    def forget(self, proxy_id: str) -> None:
        """The proxy is gone. What it shared stays for a while: proxies come back."""
        self._places.pop(proxy_id, None)

    def problems(self) -> tuple[Problem, ...]:
        """What is not as its objects ask, for the proxies that asked lately; each once. What is only kept for one that may return has no say."""
        shared = {place.shared: None for place in self._places.values()}
        own = {place.own: None for place in self._places.values() if place.own is not None}
        found = (*(each.problems() for each in shared), *(each.resources.problems() for each in own))
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    def _place(self, snapshot: Snapshot, proxy: Proxy) -> _Place:
        place = self._places.get(proxy.id)
        if place is None or place.proxy is not proxy or place.places is not snapshot.places:
            shared = self._view(snapshot.view_key(proxy), place)
            shared.advance(snapshot)
            place = self._places[proxy.id] = _Place(proxy, snapshot.places, 0, shared, self._inbound(snapshot, proxy, place))
        self._stay(place)
        return place

    def _stay(self, place: _Place) -> None:
        """It is asked for in this generation."""
        place.generation = place.shared.used = self._generation
        if place.own is not None:
            place.own.used = self._generation

    def _view(self, key: ViewKey, known: _Place | None) -> _Shared:
        """Most proxies stay where they are: the same key is not hashed again, it is large."""
        if known is not None and known.shared.key is key:
            return known.shared
        found = self._shared.get(key)
        if found is None:
            if len(self._shared) >= self._views_look:
                self._shared = _without_idle(self._shared, {place.shared for place in self._places.values()}, _IDLE_VIEWS)
                self._views_look = len(self._shared) + _IDLE_VIEWS
                self._drop_sets()
            found = self._shared[key] = _Shared(self._workshop, self._naming, key, self._downstream_of(key))
        return found

    def _downstream_of(self, key: ViewKey) -> DownstreamAssembly:
        """The one of all views that differ in the place of their proxies only, as long as one of them is there."""
        anywhere = key.anywhere()
        found = self._downstream.get(anywhere)
        if found is None:
            found = self._downstream[anywhere] = DownstreamAssembly(self._workshop)
        return found

    def _inbound(self, snapshot: Snapshot, proxy: Proxy, known: _Place | None) -> _Own | None:
        """Routers have no app behind them, and gRPC clients serve without us."""
        if proxy.type is ProxyType.ROUTER or proxy.generator is Generator.GRPC:
            return None
        inbound = snapshot.inbound(proxy)
        own = known.own if known is not None and known.own is not None and known.own.inbound is inbound else self._own.get(inbound)
        if own is None:
            if len(self._own) >= self._inbounds_look:
                self._own = _without_idle(self._own, {place.own for place in self._places.values()}, _IDLE_INBOUNDS)
                self._inbounds_look = len(self._own) + _IDLE_INBOUNDS
                self._drop_sets()
            own = self._own[inbound] = _Own(InboundAssembly(self._workshop, inbound), self._generation)
        return own

    def _advance(self, snapshot: Snapshot) -> None:
        """At each new snapshot, let go of what no proxy has asked for in a while."""
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        self._generation += 1
        self._contents.clear()
        remembered, oldest = self._generation - _GENERATIONS, self._generation - _KEPT
        for name in [name for name, place in self._places.items() if place.generation < remembered]:
            del self._places[name]
        if any(each.used < oldest for held in (self._shared, self._own) for each in held.values()):
            self._shared = {key: shared for key, shared in self._shared.items() if shared.used >= oldest}
            self._own = {inbound: own for inbound, own in self._own.items() if own.used >= oldest}
            self._drop_sets()

    def _drop_sets(self) -> None:
        shared, own = set(self._shared.values()), {None, *self._own.values()}
        self._sets = {at: kept for at, kept in self._sets.items() if at[0] in shared and at[1] in own}
        self._contents.clear()


def _without_idle(held: dict[K, V], used: Set[V | None], most: int) -> dict[K, V]:
    """All that are used, and the `most` newest of the others."""
    idle = [key for key, each in held.items() if each not in used]
    gone = set(idle[:-most])
    return {key: each for key, each in held.items() if key not in gone}
