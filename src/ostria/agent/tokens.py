"""Where the bearer token comes from that authenticates this workload: a file that Kubernetes rotates, or an inherited pipe.

On one machine a file would be readable by the app of the same user, so the supervisor sends each new token down a pipe: newline-terminated, latest wins.
"""

import asyncio
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

log = logging.getLogger(__name__)

_LONGEST: Final = 65536


class TokenError(Exception):
    """There is no token; the text names where it should be."""


class TokenSource(Protocol):
    async def current(self) -> str:
        """The newest token; raise TokenError where there is none and none will come."""


@dataclass(frozen=True, slots=True)
class FileToken:
    """Read again for every use: the file's owner replaces it well before it expires."""

    path: Path

    async def current(self) -> str:
        try:
            token = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenError(f"token file {self.path}: {error}") from None
        if not token:
            raise TokenError(f"token file {self.path} is empty")
        return token


@dataclass(slots=True)
class PipeToken:
    """Tokens arrive on `fd`; `current` waits for the first. When the writer is gone the last one stays."""

    fd: int
    _token: str = ""
    _buffer: bytearray = field(default_factory=bytearray)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self) -> None:
        os.set_blocking(self.fd, False)
        os.set_inheritable(self.fd, False)
        asyncio.get_running_loop().add_reader(self.fd, self._read)

    async def current(self) -> str:
        await self._arrived.wait()
        if not self._token:
            raise TokenError("the pipe that brings tokens was closed before the first one")
        return self._token

    def _read(self) -> None:
        try:
            data = os.read(self.fd, _LONGEST)
        except BlockingIOError:
            return
        if data:
            self.feed(data)
        else:
            asyncio.get_running_loop().remove_reader(self.fd)
            self._arrived.set()

    def feed(self, data: bytes) -> None:
        """Take in bytes from the pipe: a token counts once its line has ended."""
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest[:_LONGEST])
        tokens = [line.strip() for line in lines if line.strip()]
        if tokens:
            self._token = tokens[-1].decode("ascii", errors="replace")
            self._arrived.set()
