"""Changes of the store to new worlds: debounced, built in the world's thread, handed to whoever pushes them.

A build that fails (a mistake of ours) leaves the last good world in place, and the next change builds everything anew.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ostria.config.store import Change, Store
from ostria.discovery.metrics import Metrics
from ostria.discovery.pushes import Pushes
from ostria.discovery.server.debounce import Debounce, Waits
from ostria.discovery.world import World
from ostria.snapshot.snapshots import Changed, Snapshot, Snapshots
from ostria.snapshot.view import Proxy
from ostria.translate.prepared import ResourceSet

log = logging.getLogger(__name__)

_ENDPOINTS = frozenset({"EndpointSlice", "Endpoints", "Pod", "WorkloadEntry", "IPAddress"})
_REGISTRY = frozenset({"Service", "Node", "Namespace", *_ENDPOINTS})
_CALM, _COLLECT_EVERY = 10.0, 3600.0
"""Seconds. What is frozen is not looked at by the collector; worlds and streams make no cycles, so a full look is an insurance, taken in calm only."""


class Translates(Protocol):
    def contents(self, snapshot: Snapshot, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]: ...
    def same(self, snapshot: Snapshot, held: Sequence[tuple[Snapshot | None, Proxy]]) -> list[bool]: ...
    def forget(self, proxy_id: str) -> None: ...


class TranslatedWorld:
    """A snapshot seen through a translator."""

    def __init__(self, snapshot: Snapshot, translator: Translates) -> None:
        self.snapshot, self._translator = snapshot, translator
        self.version, self.places = str(snapshot.version), snapshot.places

    def complete(self, proxy: Proxy) -> Proxy:
        return self.snapshot.complete(proxy)

    def same(self, held: Sequence[tuple[World, Proxy]]) -> list[bool]:
        return self._translator.same(
            self.snapshot, [(older.snapshot if isinstance(older, TranslatedWorld) else None, proxy) for older, proxy in held]
        )

    def contents(self, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        return self._translator.contents(self.snapshot, proxy, types)

    def forget(self, proxy_id: str) -> None:
        self._translator.forget(proxy_id)


class Worlds:
    """Lives in the world's thread, whole. `begin` gives the first world; `run` follows the store."""

    def __init__(
        self,
        store: Store,
        fresh: Callable[[], Snapshots],
        translator: Translates,
        metrics: Metrics,
        *,
        pushes: Pushes | None = None,
        waits: Waits | None = None,
    ) -> None:
        self._store, self._fresh, self._translator, self._metrics = store, fresh, translator, metrics
        self._pushes = pushes or Pushes()
        self._snapshots = fresh()
        self._debounce = Debounce(waits or Waits())
        self._heard = asyncio.Event()
        self._changes: list[Change] = []
        self._mesh_changed = False
        self._built = self._collected = 0.0
        self.current: TranslatedWorld
        self.last_failure = ""

    def begin(self) -> TranslatedWorld:
        self._store.subscribe(self.changed)
        self._build()
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._collected = time.monotonic()
        return self.current

    def changed(self, changes: Iterable[Change]) -> None:
        """The store's news."""
        news = tuple(changes)
        self._changes += news
        self._count_events(news)
        self._debounce.heard(time.monotonic(), endpoints_only=all(each.key.kind in _ENDPOINTS for each in news))
        self._heard.set()

    def mesh_changed(self) -> None:
        """Settings that don't come from the store are new."""
        self._mesh_changed = True
        self._debounce.heard(time.monotonic(), endpoints_only=False)
        self._heard.set()

    async def run(self, publish: Callable[[World, float], None]) -> None:
        """Build a world whenever it is time, and give it to `publish` with the moment of its first change; for ever."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            while (due := self._debounce.due()) is not None:
                if not await self._more_before(due):
                    began = self._debounce.first or time.monotonic()
                    if self._build():
                        publish(self.current, began)

    async def rest(self, calm: float = _CALM, collect_every: float = _COLLECT_EVERY) -> None:
        """While nothing changes: take what proxies of this world had made out of the collector's sight too; for ever."""
        while True:
            await asyncio.sleep(calm)
            now = time.monotonic()
            if now - self._built < calm:
                continue
            if now - self._collected > collect_every:
                gc.unfreeze()
                gc.collect()
                self._collected = now
            _set_aside()

    async def _more_before(self, due: float) -> bool:
        try:
            await asyncio.wait_for(self._heard.wait(), max(0.0, due - time.monotonic()))
        except TimeoutError:
            return False
        self._heard.clear()
        return True

    def _build(self) -> bool:
        """The next world; False when there is none to push."""
        begin, heard = time.monotonic(), self._debounce.first
        if heard is not None:
            self._metrics.debounce_time.observe(begin - heard)
        changes, mesh_changed, self._changes, self._mesh_changed = tuple(self._changes), self._mesh_changed, [], False
        try:
            snapshot = self._snapshots.advance(self._store, changes, mesh_changed=mesh_changed)
        except Exception as problem:
            self._fail(problem)
            return False
        finally:
            self._debounce.pushed(time.monotonic(), time.monotonic() - begin)
        self.last_failure = ""
        self.current, seconds = TranslatedWorld(snapshot, self._translator), time.monotonic() - begin
        self._pushes.begin(self.current.version, changes, mesh_changed=mesh_changed, began=heard, snapshot_seconds=seconds)
        self._settle(seconds, snapshot)
        return True

    def _fail(self, problem: Exception) -> None:
        self._metrics.internal_errors.inc()
        log.exception("a snapshot could not be built: the last good one stays")
        self.last_failure = f"{type(problem).__name__}: {problem}"
        self._snapshots = self._fresh()

    def _settle(self, seconds: float, snapshot: Snapshot) -> None:
        self._metrics.snapshot_time.observe(seconds)
        for reason in _reasons(snapshot.changed):
            self._metrics.triggers.labels(reason).inc()
        self._metrics.services.set(len(snapshot.world.services.by_host))
        self._metrics.virtual_services.set(len(self._store.list("VirtualService")))
        _set_aside()
        self._built = time.monotonic()

    def _count_events(self, changes: Iterable[Change]) -> None:
        for each in changes:
            event = "add" if each.old is None else "delete" if each.new is None else "update"
            counter = self._metrics.registry_events if each.key.kind in _REGISTRY else self._metrics.config_events
            counter.labels(each.key.kind, event).inc()
            self._metrics.inbound_updates.labels(
                "eds" if each.key.kind in _ENDPOINTS else _service(each) if each.key.kind == "Service" else "config"
            ).inc()


def _set_aside() -> None:
    """A world lives long: out of the collector's sight, it costs no pauses.

    What is garbage must not go with it, for there nobody finds it: gRPC leaves a cycle behind with every call that begins (1.85, `find_method_handler`).
    """
    gc.collect(1)
    gc.freeze()


def _service(change: Change) -> str:
    return "svc" if change.new is not None else "svcdelete"


def _reasons(changed: Changed) -> Iterator[str]:
    """What a push was begun by, in Istio's words; several things may come together."""
    if changed.everything:
        yield "global"
        return
    kinds = {key.kind for key in changed.configs}
    if changed.endpoints:
        yield "endpoint"
    if changed.hosts:
        yield "service"
    if "Secret" in kinds:
        yield "secret"
    if kinds - _REGISTRY - {"Secret"} or not (changed.endpoints or changed.hosts or kinds):
        yield "config"
