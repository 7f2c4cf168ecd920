"""The files source: what stands in files, in the store, within milliseconds of a change.

The shell around `loading` (what a file says), `ownership` (whose word counts) and `folders` (which files matter).
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence

from ostria.api.meta import ObjectKey
from ostria.api.problem import Problem
from ostria.config.closing import Unenforced
from ostria.config.folders import Roots, Signature, consequences, signature
from ostria.config.inotify import Inotify
from ostria.config.loading import Item, Loaded, load_bytes
from ostria.config.ownership import Ownership
from ostria.config.stored import Keeper, Origin

_GRACE = 0.1
"""Seconds that a file may be missing before its objects go: some editors remove a file and write it anew."""
_POLL = 1.0
"""Seconds between looks where the kernel gives no watches."""
_LARGE = 64 * 1024
"""Bytes from which a file is parsed beside the event loop."""
_LIMIT = 256 * 1024 * 1024


class FilesSource:
    """Reads files and folders (recursively) and keeps them in the store. Objects without a namespace go into `namespace`.

    `on_change` is called after each change that was taken in, for who shows problems. `spares` is a folder with last good versions: see `ownership`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        store: Keeper,
        namespace: str = "default",
        on_change: Callable[[], None] | None = None,
        spares: str = "",
    ) -> None:
        self._roots = Roots((*paths, spares) if spares else paths)
        self._store = store
        self._namespace = namespace
        self._ownership = Ownership(store, os.path.normpath(spares) if spares else "")
        self._signatures: dict[str, Signature] = {}
        self._on_change = on_change
        self.watching = "not yet"
        """How changes are noticed: `inotify`, or `polling` with the reason."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        missing = (
            Problem(path=path, line=1, column=1, message="there is no such file or folder", hint="it is read as soon as it appears")
            for path in self._roots.missing()
        )
        return (*missing, *self._ownership.problems)

    @property
    def refused(self) -> tuple[ObjectKey, ...]:
        """Security objects that are refused and have no good version."""
        return self._ownership.refused

    @property
    def unenforced(self) -> tuple[Unenforced, ...]:
        """The same, with whom each would have selected, and with those that nobody can name."""
        return self._ownership.unenforced

    def owner(self, key: ObjectKey) -> str | None:
        """The file that an object comes from, if it comes from one of these."""
        return self._ownership.owner(key)

    def load(self) -> None:
        """Read everything that has changed since the last look, now."""
        changed, gone = self._look()
        self._forget(gone)
        self._take({path: self._read(path) for path in (*changed, *gone)})

    async def watch(self) -> None:
        """Follow changes until cancelled. Loads what has changed since `load` first."""
        try:
            with Inotify() as inotify:
                self._watch_folders(inotify)
                self.watching = "inotify"
                await self._load()
                await self._follow(inotify)
        except OSError as error:
            self.watching = f"polling ({error.strerror}; see fs.inotify.max_user_watches and max_user_instances)"
        while True:
            await self._load()
            await asyncio.sleep(_POLL)

    async def _follow(self, inotify: Inotify) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(inotify.fileno(), ready.set)
        missing: dict[str, float] = {}
        try:
            while True:
                await _wait(ready, min(missing.values(), default=None))
                changed, gone, everything = consequences(inotify.read(), self._roots)
                if everything:
                    self._watch_folders(inotify)
                    changed, gone = self._look()
                missing |= {path: loop.time() + _GRACE for path in gone if path in self._signatures and path not in missing}
                due = [path for path, deadline in missing.items() if deadline <= loop.time() or path in changed]
                for path in due:
                    del missing[path]
                await self._refresh(dict.fromkeys((*changed, *due)))
        finally:
            loop.remove_reader(inotify.fileno())

    def _watch_folders(self, inotify: Inotify) -> None:
        wanted = self._roots.folders()
        for folder in inotify.folders - wanted:
            inotify.remove(folder)
        for folder in sorted(wanted):
            try:
                inotify.add(folder)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue

    def _look(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Files that are new or changed, by their signatures, and files that are gone."""
        now = self._roots.files()
        changed = tuple(path for path, sign in now.items() if self._signatures.get(path) != sign)
        gone = tuple(path for path in self._signatures if path not in now)
        self._signatures |= now
        return changed, gone

    def _forget(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._signatures.pop(path, None)

    async def _load(self) -> None:
        changed, gone = self._look()
        self._forget(gone)
        await self._update((*changed, *gone))

    async def _refresh(self, paths: Iterable[str]) -> None:
        for path in paths:
            sign = signature(path)
            if sign is None:
                self._signatures.pop(path, None)
            else:
                self._signatures[path] = sign
        await self._update(paths)

    async def _update(self, paths: Iterable[str]) -> None:
        read: dict[str, Loaded | None] = {}
        for path in paths:
            sign = self._signatures.get(path)
            read[path] = await asyncio.to_thread(self._read, path) if sign is not None and sign.size > _LARGE else self._read(path)
        self._take(read)

    def _read(self, path: str) -> Loaded | None:
        if path not in self._signatures:
            return None
        before = self._ownership.loaded(path)
        try:
            if self._signatures[path].size > _LIMIT:
                return _unreadable(path, f"larger than {_LIMIT} bytes")
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unreadable(path, f"can't be read: {error.strerror}")
        return load_bytes(os.fspath(path), data, self._namespace, before.known if before else None)

    def _take(self, files: dict[str, Loaded | None]) -> None:
        if files:
            self._store.apply(self._ownership.update(files))
            if self._on_change is not None:
                self._on_change()


def _unreadable(path: str, message: str) -> Loaded:
    problem = Problem(path=path, line=1, column=1, message=message, hint="what the file held before stays")
    return Loaded((Item(None, None, Origin(path, 1, 1), (problem,), unknown=True),), {})


async def _wait(ready: asyncio.Event, deadline: float | None) -> None:
    """Until something happened, or the deadline (of the loop's clock) has passed."""
    try:
        async with asyncio.timeout_at(deadline):
            await ready.wait()
    except TimeoutError:
        return
    ready.clear()
