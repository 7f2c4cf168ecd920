"""Which file's word counts for each object, when files change, vanish, contradict each other or can't be read. Pure.

The first file by path that declares an object owns it. A declaration that is refused leaves the object's last good version in the store, marked as
stale; so does a file that can't be read at all. Only a file that is gone, or that readably no longer holds the object, deletes it.

Last good versions are memory, and memory ends with the process. Who outlives it may keep them in a folder of *spares*: an object there counts where the
object's own file has nothing better, and is otherwise as if it were not there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ostria.api.kinds import SECURITY
from ostria.api.meta import ObjectKey
from ostria.api.problem import Problem
from ostria.config.closing import Unenforced
from ostria.config.loading import Item, Loaded
from ostria.config.stored import Change, Keeper, Stored


class Ownership:
    def __init__(self, store: Keeper, spares: str = "") -> None:
        self._store = store
        self._spare_folder = f"{spares}/" if spares else ""
        self._spares: dict[ObjectKey, tuple[str, Stored]] = {}
        self._files: dict[str, Loaded] = {}
        self._declared: dict[ObjectKey, dict[str, list[Item]]] = {}
        self._contested: dict[ObjectKey, None] = {}
        """Declared more than once."""
        self._owners: dict[ObjectKey, str] = {}
        self._orphans: set[ObjectKey] = set()
        """Kept although no file declares them, because their file can't be read."""

    def loaded(self, path: str) -> Loaded | None:
        return self._files.get(path)

    def owner(self, key: ObjectKey) -> str | None:
        """The file that an object in the store comes from."""
        return self._owners.get(key)

    def update(self, files: Mapping[str, Loaded | None]) -> list[Change]:
        """Take in what files say now (None: gone), and tell what that means for the store."""
        touched: dict[ObjectKey, None] = {}
        for path, loaded in files.items():
            if self._spare_folder and path.startswith(self._spare_folder):
                touched |= dict.fromkeys(self._take_spares(path, loaded))
                continue
            touched |= dict.fromkeys((*self._forget(path), *(key for key in self._orphans if self._owners[key] == path)))
            if loaded is not None:
                touched |= dict.fromkeys(self._remember(path, loaded))
        for key in touched:
            self._count(key)
        return [change for key in touched for change in self._decide(key)]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong with the files, by path and line."""
        own = [p for loaded in self._files.values() for p in loaded.problems]
        return tuple(sorted((*own, *self._duplicates()), key=lambda p: (p.path, p.line, p.column)))

    @property
    def refused(self) -> tuple[ObjectKey, ...]:
        """Security objects that were refused and have no good version: what they should enforce is not enforced."""
        return tuple(sorted(key for key in self._declared if key.kind in SECURITY and self._store.get(key) is None))

    @property
    def unenforced(self) -> tuple[Unenforced, ...]:
        """Everything refused that closes something and has no good version, whether or not anybody can tell which object it is."""
        named = ((key, self._declarations(key)[0][1]) for key in self.refused)
        nameless = ((None, item) for loaded in self._files.values() for item in loaded.items if item.key is None and item.closing)
        return tuple(
            Unenforced(key=key, where=str(item.origin), selector=item.closing.selector if item.closing else None)
            for key, item in (*named, *nameless)
        )

    def _take_spares(self, path: str, loaded: Loaded | None) -> Iterator[ObjectKey]:
        gone = [key for key, (place, _) in self._spares.items() if place == path]
        for key in gone:
            del self._spares[key]
        found = [item.stored for item in loaded.items if item.stored is not None] if loaded is not None else []
        self._spares |= {stored.key: (path, stored) for stored in found}
        yield from (*gone, *(stored.key for stored in found))

    def _forget(self, path: str) -> Iterator[ObjectKey]:
        for key in _keys(self._files.pop(path, None)):
            self._declared.get(key, {}).pop(path, None)
            if not self._declared.get(key):
                self._declared.pop(key, None)
            yield key

    def _remember(self, path: str, loaded: Loaded) -> Iterator[ObjectKey]:
        self._files[path] = loaded
        for item in loaded.items:
            if item.key is not None:
                self._declared.setdefault(item.key, {}).setdefault(path, []).append(item)
                yield item.key

    def _count(self, key: ObjectKey) -> None:
        if sum(map(len, self._declared.get(key, {}).values())) > 1:
            self._contested[key] = None
        else:
            self._contested.pop(key, None)

    def _declarations(self, key: ObjectKey) -> list[tuple[str, Item]]:
        return [(path, item) for path, items in sorted(self._declared.get(key, {}).items()) for item in items]

    def _decide(self, key: ObjectKey) -> Iterator[Change]:
        self._orphans.discard(key)
        declarations = self._declarations(key)
        current = self._store.get(key) if key in self._owners else None
        spare = self._spares.get(key)
        if declarations:
            path, item = declarations[0]
            if item.stored is not None:
                self._owners[key] = path
                yield Change(key, current, item.stored)
            elif current is not None:
                yield Change(key, current, replace(current, origin=replace(current.origin, stale=True)))
            elif spare is not None:
                self._owners[key] = path
                yield Change(key, None, replace(spare[1], origin=replace(item.origin, stale=True)))
        elif spare is not None and (current is None or self._owners[key] == spare[0]):
            self._owners[key] = spare[0]
            yield Change(key, current, replace(spare[1], origin=replace(spare[1].origin, stale=True)))
        elif current is not None:
            if self._unreadable(self._owners[key]):
                self._orphans.add(key)
                yield Change(key, current, replace(current, origin=replace(current.origin, stale=True)))
            else:
                del self._owners[key]
                yield Change(key, current, None)

    def _unreadable(self, path: str) -> bool:
        """The file is there, and part of it can't be told to be any object: what it held may still be meant."""
        loaded = self._files.get(path)
        return loaded is not None and any(item.unknown for item in loaded.items)

    def _duplicates(self) -> Iterator[Problem]:
        for key in self._contested:
            (_, first), *others = self._declarations(key)
            for path, item in others:
                yield Problem(
                    path=path,
                    line=item.origin.line,
                    column=item.origin.column,
                    message=f"the same object stands at {first.origin}, and that one counts",
                    hint="remove or rename one of the two",
                    key=key,
                )


def _keys(loaded: Loaded | None) -> Iterable[ObjectKey]:
    return () if loaded is None else tuple(item.key for item in loaded.items if item.key is not None)
