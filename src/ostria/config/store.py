"""The store: the newest good version of every object, where it stands in which file, and who wants to know about changes.

A store knows nothing of files: sources (`ostria.config.files`, `ostria.config.memory`) tell it what changed, it tells its subscribers.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from ostria.api.meta import ObjectKey
from ostria.config.stored import Change, Origin, Stored, stored

__all__ = ["Change", "Origin", "Store", "Stored", "Subscriber", "stored"]

Subscriber = Callable[[tuple[Change, ...]], None]


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
