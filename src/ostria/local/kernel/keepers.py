"""A process of the mesh itself that is started again whenever it ends."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ostria.agent.envoy import Backoff
from ostria.local.kernel.processes import Process

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Keeper:
    name: str
    start: Callable[[], Process]
    process: Process | None = None
    restarts: int = 0
    _task: asyncio.Task[None] | None = field(default=None)

    def run(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.process is not None:
            await self.process.stop(2.0)

    async def _keep(self) -> None:
        backoff = Backoff(first=0.2, longest=5.0)
        while True:
            began = time.monotonic()
            self.process = self.start()
            status = await self.process.wait()
            failure = await self.process.failure if self.process.failure.done() else ""
            self.restarts += 1
            log.error("%s ended with status %d %s; it is started again", self.name, status, failure)
            await asyncio.sleep(backoff.after(time.monotonic() - began))
