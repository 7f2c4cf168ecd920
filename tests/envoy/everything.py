"""Every resource that any test makes is shown to the real Envoy at the end of the session.

Tests look at what they care about; what else they caused to be made could be wrong and nobody would see it. So whatever leaves the translator, or a
builder that a test calls itself, is noted, once per content, and judged in few runs. `tests/conftest.py` hangs this into pytest.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from tests.envoy.harness import Rejected, join, judge, served

from ostria.snapshot.view import Proxy
from ostria.translate import clusters, endpoints, listeners, names, routes, secrets
from ostria.translate.built import Built
from ostria.translate.prepared import ResourceSet
from ostria.translate.translator import Snapshot, Translator

BUILDERS = (
    (names.CDS, clusters, "build"),
    (names.EDS, endpoints, "build"),
    (names.LDS, listeners, "build"),
    (names.RDS, routes, "build"),
    (names.SDS, secrets, "build"),
)
"""Where tests make resources without a translator: type, package and function."""

JUDGED = frozenset(type_url for type_url, _, _ in BUILDERS) | {names.VHDS, names.ECDS}
"""Name tables are for the agent; Envoy never sees them."""

BATCH = 400
"""Resources per run of Envoy: a run starts slowly, and two of them share the machine."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A resource as it was served, with those that it names as they were served beside it."""

    type_url: str
    name: str
    body: bytes
    beside: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What Envoy does not take: the resource, the first test that made it, and Envoy's words."""

    exhibits: tuple[Exhibit, ...]
    tests: tuple[str, ...]
    words: str

    def __str__(self) -> str:
        what = ", ".join(f"{e.type_url.rpartition('.')[2]} {e.name}" for e in self.exhibits[:5])
        return f"{what} (made by {', '.join(self.tests[:5])}): {self.words}"


class Collection:
    """What tests have made so far. `test` says whose turn it is."""

    def __init__(self) -> None:
        self.exhibits: dict[Exhibit, str] = {}
        self._pending: dict[Exhibit, None] = {}
        self._worlds: dict[tuple[int, str], dict[str, ResourceSet]] = {}
        self._alive: list[Snapshot] = []
        """Holds what `_worlds` knows by its address."""

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Note what passes from now on. Before test modules are imported, or they would keep the functions that nobody watches."""
        for type_url, package, function in BUILDERS:
            patch.setattr(package, function, self._noting(type_url, getattr(package, function)))
        patch.setattr(Translator, "contents", self._serving(Translator.contents))

    def begin(self) -> None:
        self._pending, self._worlds, self._alive = {}, {}, []

    def end(self, test: str, *, on_purpose: bool) -> None:
        """The test is over; if it made bad resources on purpose, what it made stays out."""
        if not on_purpose:
            for sets in self._worlds.values():
                self._pending.update(dict.fromkeys(_exhibits(sets)))
            for exhibit in self._pending:
                self.exhibits.setdefault(exhibit, test)
        self.begin()

    def findings(self) -> list[Finding]:
        """Envoy's verdict over everything; the guilty are found by halving."""
        covered = {(kind, body) for e in self.exhibits for kind, body in _together(e)}
        found = [e for e in self.exhibits if e.beside or (e.type_url, e.body) not in covered]
        batches = [found[i : i + BATCH] for i in range(0, len(found), BATCH)]
        with ThreadPoolExecutor(2) as runs:
            return [finding for findings in runs.map(self._judge, batches) for finding in findings]

    def _judge(self, exhibits: list[Exhibit]) -> list[Finding]:
        try:
            judge(join(served([(e.type_url, e.body), *e.beside]) for e in exhibits))
        except Rejected as rejected:
            middle = len(exhibits) // 2
            halves = [*self._judge(exhibits[:middle]), *self._judge(exhibits[middle:])] if middle else []
            return halves or [Finding(tuple(exhibits), tuple({self.exhibits[e]: None for e in exhibits}), str(rejected))]
        return []

    def _noting(self, type_url: str, build: Callable[..., Built]) -> Callable[..., Built]:
        @functools.wraps(build)
        def noted(*arguments: Any, **more: Any) -> Built:
            built = build(*arguments, **more)
            self._pending[Exhibit(type_url, built.name, built.message.SerializeToString(deterministic=True))] = None
            return built

        return noted

    def _serving(self, contents: Callable[..., Mapping[str, ResourceSet]]) -> Callable[..., Mapping[str, ResourceSet]]:
        @functools.wraps(contents)
        def noted(translator: Translator, snapshot: Snapshot, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
            served = contents(translator, snapshot, proxy, types)
            at = (id(snapshot), proxy.id)
            if at not in self._worlds:
                self._alive.append(snapshot)
            self._worlds.setdefault(at, {}).update((kind, content) for kind, content in served.items() if kind in JUDGED)
            return served

        return noted


def _exhibits(sets: Mapping[str, ResourceSet]) -> Iterator[Exhibit]:
    for type_url, resources in sets.items():
        for one in resources:
            named = ((kind, sets[kind].get(name)) for kind, name in one.requires if kind in sets and kind != names.SDS)
            yield Exhibit(type_url, one.name, one.body, tuple((kind, other.body) for kind, other in named if other is not None))


def _together(exhibit: Exhibit) -> tuple[tuple[str, bytes], ...]:
    """What need not be judged alone any more."""
    return ((exhibit.type_url, exhibit.body), *exhibit.beside) if exhibit.beside else ()
