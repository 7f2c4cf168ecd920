"""Keys and certificates on disk, read again when they change: the only part of this package that touches files."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from joserfc.jwk import KeySet

Content = TypeVar("Content")


class Reloaded(Generic[Content]):
    """What `read` makes of some files, made again when one of them is replaced or rewritten.

    The last good content stays when new content can't be read; `problem` then says why.
    """

    def __init__(self, paths: tuple[Path, ...], read: Callable[[], Content]) -> None:
        self._paths, self._read = paths, read
        self._stamp = self._look()
        self._content = read()
        self.problem: str | None = None

    def __call__(self) -> Content:
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._content, self.problem = self._read(), None
            except (OSError, ValueError) as problem:
                self.problem = f"{', '.join(map(str, self._paths))}: {problem}"
        return self._content

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def jwks_file(path: Path) -> Reloaded[KeySet]:
    """The key set of a JWKS file. A file that isn't there yet is an empty set: nobody is authenticated until it comes."""

    def read() -> KeySet:
        return KeySet.import_key_set(json.loads(path.read_bytes())) if path.exists() else KeySet([])

    return Reloaded((path,), read)


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that nobody else may read, whole or not at all, and on the disk before this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
