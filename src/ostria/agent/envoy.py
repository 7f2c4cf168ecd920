"""Envoy as a process: its command line, its life with back-off, its end.

Whoever runs Envoy - this agent, or a supervisor that outlives it - uses these: `argv`, `Backoff`, `Envoy`. Knows nothing of gRPC.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

log = logging.getLogger(__name__)

LOG_FORMAT: Final = "%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t"
_STEADY: Final = 10.0
"""An Envoy that ran this long starts again at once: its end was not a failure to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyCommand:
    """`concurrency` 0 means one worker per CPU. Times in seconds."""

    path: str
    bootstrap: str
    concurrency: int = 2
    log_level: str = "warning"
    component_log_level: str = "misc:error"
    log_format: str = LOG_FORMAT
    json_log: bool = False
    drain_time: float = 45.0
    ipv6_only: bool = False
    extra: tuple[str, ...] = ()


def argv(command: EnvoyCommand) -> list[str]:
    """No hot restart: its shared memory would be one per machine, and configuration comes by xDS."""
    found = [command.path, "-c", command.bootstrap, "--disable-hot-restart", "--skip-deprecated-logs"]
    found += ["--drain-time-s", str(max(1, round(command.drain_time))), "--drain-strategy", "immediate"]
    found += ["--local-address-ip-version", "v6" if command.ipv6_only else "v4", "--file-flush-interval-msec", "1000"]
    found += ["--allow-unknown-static-fields", "-l", command.log_level]
    if not command.json_log:
        found += ["--log-format", command.log_format]
    if command.component_log_level:
        found += ["--component-log-level", command.component_log_level]
    if command.concurrency:
        found += ["--concurrency", str(command.concurrency)]
    return [*found, *command.extra]


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: none after a steady run, else doubling from `first` to `longest`."""

    first: float = 0.2
    longest: float = 10.0
    failures: int = 0

    def after(self, ran: float) -> float:
        if ran >= _STEADY:
            self.failures = 0
            return 0.0
        self.failures += 1
        return min(self.longest, self.first * 2.0 ** min(self.failures - 1, 20))


Start = Callable[[Sequence[str]], Awaitable[asyncio.subprocess.Process]]


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(*command)


@dataclass(slots=True)
class Envoy:
    """Keeps one Envoy running until it is told to stop. `start` and `clock` are there for tests and other supervisors."""

    command: Sequence[str]
    start: Start = _start
    on_start: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    backoff: Backoff = field(default_factory=Backoff)
    starts: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self) -> None:
        while not self._stopping.is_set():
            began = self.clock()
            await self._once()
            pause = self.backoff.after(self.clock() - began)
            if self._stopping.is_set():
                return
            log.warning("Envoy ended; next start in %.1f s", pause)
            await self._pause(pause)

    async def stop(self, grace: float = 5.0) -> None:
        """Terminate, then kill after `grace` seconds. Drain first: see `drain`."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _once(self) -> None:
        try:
            self._process = await self.start(self.command)
        except OSError as error:
            log.error("Envoy can't be started: %s", error)
            return
        self.starts += 1
        self.on_start()
        status = await self._process.wait()
        if not self._stopping.is_set():
            log.error("Envoy ended with status %d", status)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
