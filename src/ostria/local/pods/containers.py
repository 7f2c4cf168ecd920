"""The containers of one pod: the first ones one after the other, the apps together, Kubernetes' own sidecars beside them, and the order in which all end."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.pod import PodSpec
from ostria.local.containers.logs import LogFile
from ostria.local.containers.run import ContainerRun, Phase, Recipe, is_sidecar
from ostria.local.pods.launch import PodLaunch

_BROKEN = "RunContainerError"
_WAITS_FOR_CONFIG = "CreateContainerConfigError"


@dataclass(slots=True, kw_only=True, eq=False)
class PodContainers:
    """`without` names the container that is the proxy itself, which runs apart."""

    spec: PodSpec
    launch: PodLaunch
    log: Callable[[str], LogFile]
    changed: Callable[[], None]
    without: str = ""
    init: list[ContainerRun] = field(default_factory=list)
    apps: list[ContainerRun] = field(default_factory=list)
    _sidecars: list[asyncio.Task[int | None]] = field(default_factory=list)
    _ending: bool = False

    @property
    def beside(self) -> list[ContainerRun]:
        """Init containers that run as long as the app does: Kubernetes' own sidecars, in the order of their start."""
        return [run for run in self.init if is_sidecar(run.recipe.container)]

    @property
    def ready(self) -> bool:
        return all(run.ready or _ended_well(run) for run in self.apps) and all(run.ready for run in self.beside)

    @property
    def begun(self) -> bool:
        return any(run.phase is not Phase.WAITING or run.restarts for run in self.apps)

    @property
    def hopeless(self) -> bool:
        """Nobody should wait for them: one can't run as it is written, or ends again and again."""
        return any(run.reason == _BROKEN or run.restarts > 2 for run in self)

    @property
    def trouble(self) -> str:
        for run in self:
            if run.message and not run.ready and run.phase is not Phase.TERMINATED:
                return f"container {run.name}: {run.reason + ': ' if run.reason else ''}{run.message}"
        return ""

    def __iter__(self) -> Iterator[ContainerRun]:
        yield from self.init
        yield from self.apps

    def look_again(self) -> None:
        """An object that a container waits for may be there now."""
        for run in self:
            if run.phase is Phase.WAITING and run.reason == _WAITS_FOR_CONFIG:
                run.news.set()

    def make(self) -> None:
        policy = self.spec.restart_policy
        once = "OnFailure" if policy != "Never" else "Never"
        self.init = [self._run(each, "Always" if is_sidecar(each) else once) for each in self.spec.init_containers]
        self.apps = [self._run(each, policy) for each in self.spec.containers if each.name != self.without]

    async def run_init(self) -> bool:
        """One after the other; a sidecar's turn is over when it has started. False when one failed for good."""
        for run in self.init:
            if self._ending:
                return True
            if is_sidecar(run.recipe.container):
                self._sidecars.append(asyncio.create_task(run.run()))
                await self._until_started(run)
            elif await run.run() != 0 and not self._ending:
                return False
        return True

    async def run_apps(self) -> bool:
        """All together, until each has ended for good; whether all did well."""
        return all(code == 0 for code in await asyncio.gather(*(run.run() for run in self.apps)))

    async def stop(self, grace: float) -> None:
        """Apps first, then sidecars, within `grace` seconds."""
        self._ending = True
        until, beside = time.monotonic() + grace, self.beside
        await asyncio.gather(*(run.stop(grace) for run in self if run not in beside))
        await self.stop_sidecars(until - time.monotonic())

    async def stop_sidecars(self, left: float) -> None:
        """The reverse of their start; those for whom no time is left still get their signal."""
        until = time.monotonic() + left
        for run in reversed(self.beside):
            await run.stop(max(1.0, until - time.monotonic()))
        if self._sidecars:
            await asyncio.wait(self._sidecars, timeout=1.0)
        for task in self._sidecars:
            task.cancel()

    async def _until_started(self, run: ContainerRun) -> None:
        while not (run.started or self._ending):
            await asyncio.sleep(0.05)

    def _run(self, container: Container, policy: str) -> ContainerRun:
        recipe = Recipe(
            container=container,
            start=lambda: self.launch.start(container),
            target=lambda process: self.launch.target(container, process),
            say=self.log(container.name).write,
            restart=policy,
            grace=float(self.spec.termination_grace_period_seconds),
        )
        return ContainerRun(recipe, self.changed)


def _ended_well(run: ContainerRun) -> bool:
    return run.phase is Phase.TERMINATED and run.exit_code == 0
