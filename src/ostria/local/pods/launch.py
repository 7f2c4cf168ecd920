"""Starts a pod's processes: each container's own, and those that are run beside one by probes, hooks and `ostria exec`."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from ostria.api.kubernetes.container import Container
from ostria.local.containers.logs import LogFile
from ostria.local.containers.probes import Target
from ostria.local.kernel.processes import Process, Streams, Where
from ostria.local.pods.machine import Machine
from ostria.local.pods.orders import PodOrders


@dataclass(slots=True, kw_only=True, eq=False)
class PodLaunch:
    machine: Machine
    orders: PodOrders
    log: Callable[[str], LogFile]
    network: int | None = None
    """The pod's namespace, once there is one."""

    def start(self, container: Container) -> Process:
        orders = self.orders.of(container)
        sink = self.log(container.name).sink
        where = Where(network=self.network, own_pids=self.machine.mode.capturing and self.orders.system is None)
        return self.machine.processes.start(orders, where, Streams(stdout=sink, stderr=sink))

    def enter(self, container: Container, process: Process, command: list[str], streams: Streams, terminal: str = "") -> Process:
        """Run a command beside a container's own process: same files, same network, same user."""
        orders = self.orders.of(container)
        joined = [os.open(f"/proc/{process.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("mnt", "uts", "ipc")]
        pids = os.open(f"/proc/{process.pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        extra = (*streams.extra, *joined)
        try:
            first = 5 + len(streams.extra)
            orders |= {"argv": command}
            if self.machine.mode.capturing:
                orders["join"] = list(range(first, first + len(joined)))
            if terminal:
                orders["env"] = {**orders["env"], "TERM": terminal}
            orders.pop("files", None)
            where = Where(network=self.network, pids_of=pids if self.machine.mode.capturing else None)
            with_joined = Streams(stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, extra=extra)
            return self.machine.processes.start(orders, where, with_joined)
        finally:
            for fd in (*joined, pids):
                os.close(fd)

    def target(self, container: Container, process: Process) -> Target:
        async def execute(command: tuple[str, ...]) -> tuple[int, str]:
            return await self._execute(container, process, command)

        return Target(
            home=self.machine.home,
            network=self.network,
            address=self.orders.facts.addresses[0] if self.network is not None or self.orders.system else "127.0.0.1",
            container=container,
            port=lambda number: self.orders.app_ports.get(number, number),
            execute=execute,
        )

    async def _execute(self, container: Container, process: Process, command: tuple[str, ...]) -> tuple[int, str]:
        sink = os.memfd_create("said", os.MFD_CLOEXEC)
        try:
            run = self.enter(container, process, list(command), Streams(stdout=sink, stderr=sink))
            try:
                status = await run.wait()
            except asyncio.CancelledError:
                run.send(9)
                raise
            return status, (await run.failure) or os.pread(sink, 1 << 16, 0).decode(errors="replace")
        finally:
            os.close(sink)
