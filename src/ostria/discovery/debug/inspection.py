"""What debug pages may look at, as one object: the newest snapshot, the store, what is wrong, who is connected."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ostria.api.meta import ObjectKey
from ostria.api.problem import Problem
from ostria.config.store import Store
from ostria.discovery.pushes import Pushes
from ostria.discovery.server.connection import Connection
from ostria.snapshot.snapshots import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Functions, because everything here is replaced when the mesh changes."""

    snapshot: Callable[[], Snapshot]
    store: Store
    problems: Callable[[], Iterable[Problem]]
    """Objects that were refused, and warnings."""
    failures: Callable[[], Iterable[tuple[str, tuple[ObjectKey, ...]]]]
    """Resources that could not be built: words, and the objects that they would have come from."""
    connections: Callable[[], Iterable[Connection]]
    builds: Callable[[], dict[str, int]]
    """How many resources were built so far, by type URL."""
    pushes: Pushes

    def locate(self, key: ObjectKey) -> str:
        found = self.store.get(key)
        return f"{found.origin.path}:{found.origin.line}" if found else ""
