"""The command line's end: ask, and read answers as they come."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec


class NotRunning(Exception):
    """No mesh of that name answers."""


class Failed(Exception):
    """The mesh answered with an error; the text is for a person."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def request(path: Path, op: str, /, *, descriptors: Sequence[int] = (), **fields: Any) -> Iterator[dict[str, Any]]:
    """Answers of the operation, one by one. Raise NotRunning, or Failed with the mesh's words."""
    with contextlib.closing(_connect(path)) as connection:
        line = msgspec.json.encode({"op": op, **fields}) + b"\n"
        sent = socket.send_fds(connection, [line], list(descriptors)) if descriptors else 0
        if rest := line[sent:]:  # An empty `sendall` writes too, and fails where the answer has come and the other side is gone.
            connection.sendall(rest)
        with connection.makefile("rb") as answers:
            for answer in answers:
                decoded = msgspec.json.decode(answer, type=dict[str, Any])
                if "error" in decoded:
                    raise Failed(decoded["error"], decoded.get("hint", ""))
                if decoded.get("end"):
                    return
                yield decoded
    raise Failed("the mesh went away before it had answered")


def one(path: Path, op: str, /, **fields: Any) -> dict[str, Any]:
    """The only answer of an operation that has one."""
    return next(request(path, op, **fields), {})


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise NotRunning(str(path)) from error
    return connection
