"""The mesh's own rules in its namespace: whichever iptables works here, and the services' part renewed when they change."""

import asyncio
import logging
from collections.abc import Sequence

from ostria.local.kernel.processes import Processes
from ostria.local.network import service_rules
from ostria.local.network.links import has_ipv6

log = logging.getLogger(__name__)

_VARIANTS = ("-nft", "", "-legacy")


class NoIptables(Exception):
    """None of the machine's works; the text says how each failed."""


class Iptables:
    """`restore` is the working `iptables-restore` by IP version, once `start` has found it."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._due: asyncio.Task[None] | None = None
        self.restore: dict[int, str] = {}

    async def start(self) -> None:
        """Install the rules that never change. Raise NoIptables."""
        failures = []
        for variant in _VARIANTS:
            found, failure = await self._try(variant)
            if not failure:
                self.restore = found
                return
            failures.append(failure)
        raise NoIptables("no iptables works here (" + "; ".join(dict.fromkeys(failures)) + ")")

    def services(self, ports: Sequence[service_rules.VirtualPort]) -> None:
        """Renew the rules for virtual addresses, after those that are being installed."""
        before = self._due
        self._due = asyncio.get_running_loop().create_task(self._renew(ports, before))

    async def _try(self, variant: str) -> tuple[dict[int, str], str]:
        found: dict[int, str] = {}
        for version, name in ((4, "iptables"), (6, "ip6tables"))[: 2 if has_ipv6() else 1]:
            program = f"{name}{variant}-restore"
            code, said = await self._processes.run([program], text=service_rules.setup(version) + service_rules.filter_setup())
            if code:
                return {}, f"{program}: {said.strip().splitlines()[0] if said.strip() else f'status {code}'}"
            found[version] = program
        return found, ""

    async def _renew(self, ports: Sequence[service_rules.VirtualPort], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        for version, program in self.restore.items():
            code, said = await self._processes.run([program, "--noflush"], text=service_rules.services(version, ports))
            if code:
                log.error("%s: %s", program, said.strip())
