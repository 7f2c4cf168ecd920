"""Which files below the given paths are read, and which of them an event concerns."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ostria.config.inotify import Event, Mask

_SUFFIXES = (".yaml", ".yml", ".json")
_SETTINGS = "ostria.yaml"
"""Holds settings, not objects: see `ostria.config.settings`."""
_PUBLISHED = "..data"
"""The link that Kubernetes turns around when a mounted ConfigMap changes: every file beside it has changed."""


class Signature(NamedTuple):
    """A file's content is taken as unchanged while this is."""

    modified: int
    size: int
    inode: int


def is_source(name: str) -> bool:
    """YAML and JSON files; not hidden ones, and with that not what editors write beside a file while they work."""
    return name.endswith(_SUFFIXES) and not name.startswith((".", "#")) and name != _SETTINGS


class Roots:
    """The files and folders that a user named. A file that is named is read whatever its name is; folders are read with all below them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(dict.fromkeys(os.path.normpath(p) for p in paths))

    def concerns(self, path: str) -> bool:
        return path in self.paths or (is_source(os.path.basename(path)) and any(_below(path, root) for root in self.paths))

    def missing(self) -> tuple[str, ...]:
        return tuple(root for root in self.paths if not os.path.exists(root))

    def files(self) -> dict[str, Signature]:
        """Every file that is there to be read."""
        found: dict[str, Signature] = {}
        for root in self.paths:
            candidates = (
                (_joined(folder, n) for folder, _, names in _walk(root) for n in names if is_source(n)) if os.path.isdir(root) else (root,)
            )
            for path in candidates:
                if (sign := signature(path)) is not None:
                    found[path] = sign
        return found

    def folders(self) -> set[str]:
        """Every folder to watch: those that are read, those that hold a named file, and the nearest one above a path that is missing."""
        wanted: set[str] = set()
        for root in self.paths:
            if os.path.isdir(root):
                wanted |= {os.path.normpath(folder) for folder, _, _ in _walk(root)}
            wanted.add(_nearest_folder(os.path.dirname(root) or "."))
        return wanted


class Consequences(NamedTuple):
    """What a batch of events means: files to read now, files to give up after a moment, or that everything must be looked at.

    A file that was moved, and stands under another name that is read too, is read now: it is found missing. One that an editor has moved to a backup is
    about to be written anew, and is given its moment.
    """

    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    everything: bool = False


def consequences(events: Iterable[Event], roots: Roots) -> Consequences:
    """A file is changed when its writer closes it, or when it is moved here; it is gone when nothing under its name has come in the same moment."""
    batch = [(event, _joined(event.folder, event.name)) for event in events]
    if any(_is_structural(event, path, roots) for event, path in batch):
        return Consequences(everything=True)
    files = [(event, path) for event, path in batch if roots.concerns(path)]
    came = {
        path for event, path in files if event.mask & (Mask.CLOSE_WRITE | Mask.MOVED_TO) or (event.mask & Mask.CREATE and _is_whole(path))
    }
    left = {path: event for event, path in files if event.mask & (Mask.DELETE | Mask.MOVED_FROM) and path not in came}
    moves = {event.cookie for event, _ in files if event.mask & Mask.MOVED_TO}
    moved = [path for path, event in left.items() if event.mask & Mask.MOVED_FROM and event.cookie in moves]
    return Consequences((*sorted(came), *moved), tuple(path for path in left if path not in moved))


def _is_structural(event: Event, path: str, roots: Roots) -> bool:
    """Folders came or went, so that there is more to look at than the one name."""
    if event.mask & (Mask.OVERFLOW | Mask.DELETE_SELF | Mask.MOVE_SELF) or event.name == _PUBLISHED:
        return True
    if any(_below(root, path) for root in roots.paths):
        return path not in roots.paths or os.path.isdir(path) or bool(event.mask & Mask.ISDIR)
    return bool(event.mask & Mask.ISDIR) and not event.name.startswith(".")


def signature(path: str) -> Signature | None:
    """None for what is not there or is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return Signature(status.st_mtime_ns, status.st_size, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _is_whole(path: str) -> bool:
    """A file that has just appeared, and that nobody is writing: a link."""
    try:
        return os.path.islink(path) or os.stat(path).st_nlink > 1
    except OSError:
        return False


def _walk(root: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, without hidden folders."""
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield folder, below, names


def _below(path: str, folder: str) -> bool:
    return path == folder or folder == "." or path.startswith(folder.rstrip("/") + "/")


def _joined(folder: str, name: str) -> str:
    """One spelling for every path, whichever way it was found."""
    return os.path.normpath(os.path.join(folder, name))


def _nearest_folder(folder: str) -> str:
    while not os.path.isdir(folder):
        parent = os.path.dirname(folder) or ("/" if folder.startswith("/") else ".")
        if parent == folder:
            break
        folder = parent
    return folder
