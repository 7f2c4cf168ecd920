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
                (os.path.join(folder, n) for folder, _, names in _walk(root) for n in names if is_source(n))
                if os.path.isdir(root)
                else (root,)
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
                wanted |= {folder for folder, _, _ in _walk(root)}
            wanted.add(_nearest_folder(os.path.dirname(root) or "."))
        return wanted


class Consequences(NamedTuple):
    """What a batch of events means: files to read now, files to read or give up after a moment, or that everything must be looked at."""

    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    everything: bool = False


def consequences(events: Iterable[Event], roots: Roots) -> Consequences:
    """A file that is written is changed when its writer closes it; one that is moved inside the folders is gone at once, see `_moved`."""
    batch = list(events)
    changed: dict[str, None] = {}
    for event in batch:
        path = os.path.join(event.folder, event.name) if event.folder != "." else event.name
        if _is_structural(event, path, roots):
            return Consequences(everything=True)
        if roots.concerns(path) and (event.mask & (Mask.CLOSE_WRITE | Mask.MOVED_TO) or (event.mask & Mask.CREATE and _is_whole(path))):
            changed[path] = None
    moved = _moved(batch, roots)
    gone = {
        path: None
        for e in batch
        if e.mask & (Mask.DELETE | Mask.MOVED_FROM)
        and roots.concerns(path := os.path.normpath(os.path.join(e.folder, e.name)))
        and path not in changed
    }
    return Consequences((*changed, *(p for p in gone if p in moved)), tuple(p for p in gone if p not in moved))


def _moved(batch: Sequence[Event], roots: Roots) -> frozenset[str]:
    """Files whose content stands under another name that is read too. (An editor that moves a file to its backup is about to write it anew.)"""
    targets = {e.cookie for e in batch if e.mask & Mask.MOVED_TO and roots.concerns(os.path.normpath(os.path.join(e.folder, e.name)))}
    return frozenset(os.path.normpath(os.path.join(e.folder, e.name)) for e in batch if e.mask & Mask.MOVED_FROM and e.cookie in targets)


def _is_structural(event: Event, path: str, roots: Roots) -> bool:
    if event.mask & (Mask.OVERFLOW | Mask.DELETE_SELF | Mask.MOVE_SELF) or event.name == _PUBLISHED:
        return True
    leads_to_a_root = any(_below(root, path) for root in roots.paths)
    hidden = event.name.startswith(".") and not leads_to_a_root
    return (bool(event.mask & Mask.ISDIR) and not hidden) or (leads_to_a_root and path not in roots.paths)


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


def _nearest_folder(folder: str) -> str:
    while not os.path.isdir(folder):
        parent = os.path.dirname(folder) or ("/" if folder.startswith("/") else ".")
        if parent == folder:
            break
        folder = parent
    return folder
