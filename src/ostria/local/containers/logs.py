"""What containers say, kept per container in files that never grow past a limit; a full disk costs log lines, not the mesh."""

import asyncio
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

LIMIT = 10 << 20
"""Bytes in one file before it becomes `.1`; the one before that is gone."""
_CHUNK = 1 << 16


class LogFile:
    """The end of a pipe: processes write into `sink`, the event loop appends to the file."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path, self._limit = path, limit
        self._size = 0
        self._file = -1
        self._troubled = False
        self._source, self.sink = os.pipe2(os.O_CLOEXEC)
        # A program of another user may open /dev/stdout again by name, as Envoy's access log does; nobody else may read.
        os.fchmod(self.sink, 0o622)
        os.set_blocking(self._source, False)
        asyncio.get_running_loop().add_reader(self._source, self._read)

    def write(self, text: str) -> None:
        """A line of our own among the container's."""
        self._append(text.encode() + b"\n")

    def close(self) -> None:
        """Take what is still in the pipe, then let go."""
        if self.sink < 0:
            return
        os.close(self.sink)
        self.sink = -1
        self._read()
        asyncio.get_running_loop().remove_reader(self._source)
        os.close(self._source)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> None:
        try:
            while data := os.read(self._source, _CHUNK):
                self._append(data)
                if len(data) < _CHUNK:
                    return
        except BlockingIOError:
            return

    def _append(self, data: bytes) -> None:
        try:
            if self._file < 0 or self._size + len(data) > self._limit:
                self._open()
            os.write(self._file, data)
            self._size += len(data)
            self._troubled = False
        except OSError as error:
            if not self._troubled:
                log.error("%s can't be written, its lines are lost: %s", self._path, error.strerror)
            self._troubled = True

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._path.exists() and self._path.stat().st_size > self._limit // 2:
            self._path.rename(self._path.with_name(self._path.name + ".1"))
        self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
