"""The supervisor's end: accept, read one bounded request, hand it to its operation, stream the answers."""

import array
import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

MAX_REQUEST = 16 << 20
MAX_CLIENTS = 64
MAX_DESCRIPTORS = 4
REQUEST_SECONDS = 10.0


class Refused(Exception):
    """What the caller asked for can't be done; the text is for a person."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True)
class Request:
    """`descriptors` belong to the operation, which closes them (or lets `close` do it)."""

    fields: Mapping[str, Any]
    descriptors: list[int]

    def close(self) -> None:
        for descriptor in self.descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.descriptors.clear()


Operation = Callable[[Request], AsyncIterator[Mapping[str, Any]]]


class ControlServer:
    """Serves `operations` at `path` until `close`; a client that is slow or sends rubbish costs only its own connection."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        self._path, self._operations = path, operations
        self._clients: set[asyncio.Task[None]] = set()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._socket.bind(str(self._path))
        finally:
            os.umask(before)
        self._socket.listen(MAX_CLIENTS)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def close(self) -> None:
        for task in (self._accepting, *self._clients):
            if task is not None:
                task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._socket)
            if len(self._clients) >= MAX_CLIENTS:
                client.close()
                continue
            task = loop.create_task(self._serve(client))
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

    async def _serve(self, client: socket.socket) -> None:
        request = Request({}, [])
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request.fields = await _receive(client, request.descriptors)
            await self._answer(client, request)
        except (OSError, TimeoutError):
            pass  # the client went away, or never asked
        finally:
            request.close()
            client.close()

    async def _answer(self, client: socket.socket, request: Request) -> None:
        try:
            operation = self._operations.get(str(request.fields.get("op")))
            if operation is None:
                raise Refused(
                    f"this mesh does not know {request.fields.get('op')!r}", "the mesh was started by another version of ostria: restart it"
                )
            answering = asyncio.get_running_loop().create_task(_stream(client, operation(request)))
            leaving = asyncio.get_running_loop().create_task(_gone(client))
            try:
                await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
                if answering.done():
                    answering.result()
            finally:
                for task in (answering, leaving):
                    task.cancel()
                await asyncio.gather(answering, leaving, return_exceptions=True)
            await _send(client, {"end": True})
        except Refused as refused:
            await _send(client, {"error": str(refused), "hint": refused.hint})


async def _stream(client: socket.socket, answers: AsyncIterator[Mapping[str, Any]]) -> None:
    async for answer in answers:
        await _send(client, answer)


async def _send(client: socket.socket, answer: Mapping[str, Any]) -> None:
    await asyncio.get_running_loop().sock_sendall(client, msgspec.json.encode(answer) + b"\n")


async def _readable(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(client, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(client)


async def _receive(client: socket.socket, descriptors: list[int]) -> Mapping[str, Any]:
    data = bytearray()
    while not data.endswith(b"\n"):
        await _readable(client)
        chunk, ancillary, _, _ = client.recvmsg(
            1 << 16, socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
                descriptors.extend(received)
        data += chunk
        if not chunk or len(data) > MAX_REQUEST:
            raise OSError("no request")
    try:
        return msgspec.json.decode(bytes(data), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise OSError("not a request") from error


async def _gone(client: socket.socket) -> None:
    """Return when the client has closed its end; nothing else is expected from it."""
    while True:
        await _readable(client)
        if not client.recv(4096):
            return
