"""Applies a pod's capture rules inside its namespace, before anything runs there."""

import asyncio

from ostria.capture.rules import Ruleset
from ostria.local.kernel.processes import Where
from ostria.local.pods.machine import Machine


async def apply_rules(machine: Machine, network: int | None, ruleset: Ruleset) -> None:
    """Raise OSError with the words of iptables."""
    where = Where(network=network)
    runs = [
        machine.processes.run([machine.restore[family.version], "--noflush"], where=where, text=family.restore())
        for family in ruleset.families
        if family.version in machine.restore
    ]
    for status, said in await asyncio.gather(*runs):
        if status:
            raise OSError(f"the capture rules can't be applied: {said.strip()}")
    for family in ruleset.families:
        for route in family.routes:
            await machine.processes.run(["ip", *route], where=where)
