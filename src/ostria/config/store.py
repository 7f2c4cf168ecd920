"""The store: the newest good version of every object, where it stands in which file, and who wants to know about changes.

A store knows nothing of files: sources (`ostria.config.files`, `ostria.config.memory`) tell it what changed, it tells its subscribers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ostria.api.encode import content_version
from ostria.api.kinds import key_of
from ostria.api.meta import ObjectKey, Resource


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where an object stands. `stale`: the file no longer says this; it holds a newer version that was refused."""

    path: str
    line: int
    column: int
    stale: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """`version` is a fingerprint of the object's content: see `ostria.api.encode.content_version`."""

    key: ObjectKey
    object: Resource
    origin: Origin
    version: str


class Change(NamedTuple):
    """`old` None: added; `new` None: deleted."""

    key: ObjectKey
    old: Stored | None
    new: Stored | None


Subscriber = Callable[[tuple[Change, ...]], None]


def stored(resource: Resource, origin: Origin) -> Stored:
    return Stored(key_of(resource), resource, origin, content_version(resource))


def _age(entry: Stored) -> tuple[float, str, str]:
    """Oldest first; a missing timestamp before all others, so that order is a pure function of the files."""
    created = entry.object.metadata.creation_timestamp
    return (datetime.fromisoformat(created).timestamp() if created else float("-inf"), entry.key.name, entry.key.namespace)


class Store:
    def __init__(self) -> None:
        self._entries: dict[str, dict[ObjectKey, Stored]] = {}
        self._sorted: dict[str, tuple[Stored, ...]] = {}
        self._subscribers: list[Subscriber] = []

    def list(self, kind: str) -> Sequence[Stored]:
        """All objects of a kind: by creation time (missing first), then name, then namespace."""
        entries = self._sorted.get(kind)
        if entries is None:
            entries = self._sorted[kind] = tuple(sorted(self._entries.get(kind, {}).values(), key=_age))
        return entries

    def get(self, key: ObjectKey) -> Stored | None:
        return self._entries.get(key.kind, {}).get(key._replace(rule=None))

    def kinds(self) -> tuple[str, ...]:
        """The kinds that have objects, sorted."""
        return tuple(sorted(kind for kind, entries in self._entries.items() if entries))

    def apply(self, changes: Iterable[Change]) -> None:
        """Take what a source says. Subscribers hear only of changed content: a moved object gets its new origin in silence."""
        told = tuple(change for change in map(self._take, changes) if change is not None)
        if told:
            for subscriber in tuple(self._subscribers):
                subscriber(told)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with every later batch of changes; the result ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def _take(self, change: Change) -> Change | None:
        entries = self._entries.setdefault(change.key.kind, {})
        old = entries.pop(change.key, None) if change.new is None else entries.get(change.key)
        if change.new is None and old is None:
            return None
        self._sorted.pop(change.key.kind, None)
        if change.new is None:
            return Change(change.key, old, None)
        if old is not None and old.version == change.new.version:
            entries[change.key] = Stored(change.key, old.object, change.new.origin, old.version)
            return None
        entries[change.key] = change.new
        return Change(change.key, old, change.new)
