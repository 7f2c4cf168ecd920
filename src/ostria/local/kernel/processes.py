"""Start processes and learn how they ended: the supervisor is the first process of its namespace, so every orphan ends here too.

A process is started by the launcher (`inside.launch`), in the namespaces that it shall live in. Nothing here waits; `Process.ended` is a future.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ostria.local.kernel.namespaces import Home

SOURCE = str(Path(__file__).resolve().parents[3])
"""The folder that the package `ostria` is imported from."""


def program(module: str, *arguments: str) -> list[str]:
    """The command of one of the small programs in `inside`: no site packages, no environment, a few milliseconds."""
    code = f"import sys; sys.path.insert(0, {SOURCE!r}); from ostria.local.inside.{module} import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def verb(name: str) -> list[str]:
    """The command of one of Ostria's own long-running programs, without what the interactive verbs carry."""
    code = f"import sys; from ostria.cli.{name} import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-P", "-c", code]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The namespaces that a process starts in."""

    network: int | None = None
    own_pids: bool = False
    pids_of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Descriptors for the process; it gets copies, the caller keeps (and closes) its own. `extra` become 5, 6, …"""

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    extra: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Process:
    pid: int
    ended: asyncio.Future[int]
    """The exit status, negative for a signal, as in subprocess."""
    failure: asyncio.Future[str] = field(repr=False)
    """Why the command could not be executed; empty once it runs."""

    async def wait(self) -> int:
        """The exit status. A waiter that is cancelled takes nothing from the others: the future is only ever resolved by the reaper."""
        return await asyncio.shield(self.ended)

    def send(self, number: int) -> None:
        if not self.ended.done():
            os.kill(self.pid, number)

    def catches(self, number: int) -> bool:
        """Whether the process has a handler for a signal; the first process of a PID namespace is deaf to those that it doesn't handle."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return False
        mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(mask, 16) >> (number - 1) & 1)

    async def stop(self, grace: float, number: int = signal.SIGTERM) -> int:
        """Ask, wait, insist. A process that has no handler for the signal would die of it anywhere else: it is ended at once."""
        self.send(number if self.catches(number) else signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.wait(), grace)
        self.send(signal.SIGKILL)
        return await self.wait()


def written(text: str) -> int:
    """A descriptor from which `text` can be read."""
    fd = os.memfd_create("text", os.MFD_CLOEXEC)
    os.write(fd, text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Processes:
    """All children of the supervisor."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._children: dict[int, Process] = {}
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)

    def watch(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def start(self, orders: Mapping[str, Any], where: Where, streams: Streams) -> Process:
        """Start the launcher with `orders` (see `inside.launch`)."""
        heard, told = os.pipe2(os.O_CLOEXEC)
        paper = written(json.dumps(orders))
        try:
            process = self.spawn(
                program("launch", "3", "4"), where, (streams.stdin, streams.stdout, streams.stderr, paper, told, *streams.extra)
            )
        finally:
            os.close(paper)
            os.close(told)
        asyncio.get_running_loop().add_reader(heard, self._hear, process, heard)
        return process

    def spawn(self, argv: Sequence[str], where: Where, fds: Sequence[int | None], env: Mapping[str, str] | None = None) -> Process:
        """Execute `argv` with exactly these descriptors as 0, 1, 2, …; None is the null device."""
        loop = asyncio.get_running_loop()
        copies = [fcntl.fcntl(self._null if fd is None else fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in fds]
        actions = [(os.POSIX_SPAWN_DUP2, copy, number) for number, copy in enumerate(copies)]
        try:
            with self._home.inside(where.network, own_pids=where.own_pids, pids_of=where.pids_of):
                pid = os.posix_spawnp(
                    argv[0], list(argv), env or {}, file_actions=actions, setsid=True, setsigmask=[], setsigdef=[signal.SIGPIPE]
                )
        finally:
            for fd in copies:
                os.close(fd)
        process = Process(pid, loop.create_future(), loop.create_future())
        self._children[pid] = process
        return process

    async def run(self, argv: Sequence[str], *, where: Where | None = None, text: str = "") -> tuple[int, str]:
        """Run a short command to its end with `text` as its input; return its status and what it said."""
        source, sink = written(text), os.memfd_create("out", os.MFD_CLOEXEC)
        try:
            process = self.spawn(argv, where or Where(), (source, sink, sink), os.environ)
            return await process.wait(), os.pread(sink, 1 << 16, 0).decode(errors="replace")
        except FileNotFoundError:
            return 127, f"{argv[0]}: not found"
        finally:
            os.close(source)
            os.close(sink)

    def _hear(self, process: Process, heard: int) -> None:
        """One message, then end of file: the launcher's end is closed by a successful exec."""
        text = os.read(heard, 4096).decode(errors="replace")
        asyncio.get_running_loop().remove_reader(heard)
        os.close(heard)
        process.failure.set_result(text)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if process := self._children.pop(pid, None):
                process.ended.set_result(os.waitstatus_to_exitcode(status))
