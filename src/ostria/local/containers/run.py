"""One container's life: start, probes, end, and the next start with back-off, as the kubelet has it.

How a process is made is not known here: `Recipe.start` makes one. Nothing polls; a container that runs without probes costs nothing.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from ostria.agent.envoy import Backoff
from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.probe import Probe
from ostria.local.containers.environment import MissingReference
from ostria.local.containers.images import ANNOTATION
from ostria.local.containers.probes import ProbeFailed, Target, ask
from ostria.local.kernel.processes import Process

log = logging.getLogger(__name__)

_HOOK_TIMEOUT = 30.0
_LOOP = 2.0
"""A pause of this many seconds or more is shown as CrashLoopBackOff."""

_ADVICE = f'images are not unpacked here: install the program on this machine, or give the pod the annotation {ANNOTATION}: "CMD ARG …"'


class Phase(StrEnum):
    WAITING = "Waiting"
    RUNNING = "Running"
    TERMINATED = "Terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """`start` may raise MissingReference (wait for the object), ValueError or OSError (it can't run)."""

    container: Container
    start: Callable[[], Process]
    target: Callable[[Process], Target]
    say: Callable[[str], None]
    """Writes a line into the container's log."""
    restart: str
    """Always, OnFailure or Never."""
    grace: float


@dataclass(slots=True, eq=False)
class ContainerRun:
    recipe: Recipe
    changed: Callable[[], None]
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.1, longest=60.0))
    """The kubelet's first restart is at once, too; that of an app which is killed every few seconds still comes within 3 s the fifth time."""
    phase: Phase = Phase.WAITING
    reason: str = "ContainerCreating"
    message: str = ""
    exit_code: int | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False
    process: Process | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when objects changed: a container that misses one tries again."""
    _stopping: bool = False

    @property
    def name(self) -> str:
        return self.recipe.container.name

    async def run(self) -> int | None:
        """Until it ends for good; the result is its exit status, None when it was stopped before it ever ran."""
        while not self._stopping:
            process = await self._start()
            if process is None:
                continue
            began = time.monotonic()
            self.exit_code = await self._live(process)
            code, self.process = self.exit_code, None
            if self._stopping or self.recipe.restart == "Never" or (self.recipe.restart == "OnFailure" and code == 0):
                self._show(Phase.TERMINATED, "Completed" if code == 0 else "Error", _ending(code))
                return code
            await self._pause(began, code)
        return self.exit_code

    async def stop(self, grace: float) -> None:
        """preStop, then the signal, all within `grace` seconds."""
        self._stopping = True
        self.news.set()
        process = self.process
        if process is None:
            return
        began = time.monotonic()
        lifecycle = self.recipe.container.lifecycle
        if lifecycle is not None and lifecycle.pre_stop is not None:
            try:
                await ask(lifecycle.pre_stop, self.recipe.target(process), grace)
            except ProbeFailed as failure:
                self.recipe.say(f"preStop: {failure}")
        await process.stop(max(1.0, grace - (time.monotonic() - began)))

    async def _start(self) -> Process | None:
        self.news.clear()
        try:
            process = self.recipe.start()
        except MissingReference as missing:
            self._show(Phase.WAITING, "CreateContainerConfigError", str(missing))
            await self.news.wait()
            return None
        except (ValueError, OSError) as error:
            await self._cannot(str(error))
            return None
        failure = await process.failure
        if failure:
            await process.wait()
            await self._cannot(f"{failure}\n  hint: {_ADVICE}")
            return None
        self.process = process
        self._show(Phase.RUNNING, "", "")
        return process

    async def _cannot(self, why: str) -> None:
        if (self.reason, self.message) != ("RunContainerError", why):
            self.recipe.say(why)
        self.exit_code = 127
        self._show(Phase.WAITING, "RunContainerError", why)
        self.restarts += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), max(1.0, self.backoff.after(0)))

    async def _live(self, process: Process) -> int:
        """Probes run beside the process; when either ends, so does the other."""
        watcher = asyncio.create_task(self._watch(process))
        try:
            return await process.wait()
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
            self.started = self.ready = False
            self.changed()

    async def _watch(self, process: Process) -> None:
        container = self.recipe.container
        target = self.recipe.target(process)
        if container.lifecycle is not None and container.lifecycle.post_start is not None:
            try:
                await ask(container.lifecycle.post_start, target, _HOOK_TIMEOUT)
            except ProbeFailed as failure:
                return await self._fail(process, f"postStart: {failure}")
        if container.startup_probe is not None and not await self._until_started(container.startup_probe, target):
            return await self._fail(process, "the startup probe failed")
        self.started = True
        tasks: list[Awaitable[None]] = []
        if container.readiness_probe is None:
            self._set_ready(True)
        else:
            tasks.append(self._readiness(container.readiness_probe, target))
        if container.liveness_probe is not None:
            tasks.append(self._liveness(process, container.liveness_probe, target))
        await asyncio.gather(*tasks)
        return None

    async def _until_started(self, probe: Probe, target: Target) -> bool:
        await asyncio.sleep(probe.initial_delay_seconds)
        for _ in range(probe.failure_threshold):
            try:
                await ask(probe, target, probe.timeout_seconds)
            except ProbeFailed:
                await asyncio.sleep(probe.period_seconds)
            else:
                return True
        return False

    async def _readiness(self, probe: Probe, target: Target) -> None:
        """Before the first success it is asked more often than written, so that nobody waits ten seconds for an app that starts in one."""
        await asyncio.sleep(probe.initial_delay_seconds)
        good = bad = 0
        eager = 0.05
        while True:
            try:
                await ask(probe, target, probe.timeout_seconds)
            except ProbeFailed as failure:
                good, bad = 0, bad + 1
                self.message = f"readiness probe: {failure}"
                if bad >= probe.failure_threshold and self.ready:
                    self._set_ready(False)
            else:
                good, bad = good + 1, 0
                if good >= probe.success_threshold and not self.ready:
                    self.message = ""
                    self._set_ready(True)
            eager = min(probe.period_seconds, eager * 1.5)
            await asyncio.sleep(probe.period_seconds if self.ready or bad == 0 else eager)

    async def _liveness(self, process: Process, probe: Probe, target: Target) -> None:
        await asyncio.sleep(probe.initial_delay_seconds)
        bad = 0
        while True:
            await asyncio.sleep(probe.period_seconds)
            try:
                await ask(probe, target, probe.timeout_seconds)
                bad = 0
            except ProbeFailed as failure:
                bad += 1
                if bad >= probe.failure_threshold:
                    return await self._fail(process, f"the liveness probe failed: {failure}")

    async def _fail(self, process: Process, why: str) -> None:
        self.recipe.say(f"{why}; the container is ended")
        await process.stop(self.recipe.grace)

    async def _pause(self, began: float, code: int) -> None:
        self.restarts += 1
        pause = self.backoff.after(time.monotonic() - began)
        self._show(Phase.WAITING, "CrashLoopBackOff" if pause >= _LOOP else "Restarting", f"{_ending(code)}; next start in {pause:.0f} s")
        self.news.clear()
        with contextlib.suppress(TimeoutError):
            if pause:
                await asyncio.wait_for(self.news.wait(), pause)

    def _set_ready(self, ready: bool) -> None:
        self.ready = ready
        self.changed()

    def _show(self, phase: Phase, reason: str, message: str) -> None:
        self.phase, self.reason, self.message = phase, reason, message
        self.changed()


def is_sidecar(container: Container) -> bool:
    """An init container that runs as long as the app does."""
    return container.restart_policy == "Always"


def _ending(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"ended with status {code}"
