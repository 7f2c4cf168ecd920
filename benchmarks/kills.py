"""What callers see while parts of a running Bookinfo are killed with SIGKILL: 200 requests/s for 60 s through the gateway, no retries by the client.

The path is a light one, answered by productpage alone; its replica and the gateway are who gets hurt. Each part is killed five times, ten seconds apart.
Two clients' habits are measured: connections kept alive, and a new one for each request.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figure
from benchmarks.mesh import ROOT, Mesh, manifests, running

PATH = "/api/v1/products"
RATE = 200
KILLS, QUICK_KILLS = 5, 1
FIRST, BETWEEN, AFTER = 6.0, 10.0, 14.0
"""Seconds of load until the first kill, between two, and after the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """`harmless`: callers must see nothing; `back_within` seconds: callers must be served again."""

    name: str
    kill: Callable[[Mesh, int], None]
    harmless: bool = False
    back_within: float | None = None


def measure(*, quick: bool = False) -> Iterator[Figure]:
    kills = QUICK_KILLS if quick else KILLS
    with running("kills", manifests("bookinfo")) as mesh:
        mesh.first_answer(PATH)
        time.sleep(5)
        for victim, keep_alive in itertools.product(VICTIMS, (True, False)):
            yield from _judge(victim, keep_alive, mesh, kills)


def _judge(victim: Victim, keep_alive: bool, mesh: Mesh, kills: int) -> Iterator[Figure]:
    found = _under_load(mesh, victim, keep_alive, kills)
    habit = "keep-alive" if keep_alive else "new connections"
    reasons = ", ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
    note = f"of {found['requests']}; p99 {found['p99_ms']} ms, most {found['max_ms']} ms" + (f"; {reasons}" if reasons else "")
    yield Figure(
        name=f"{victim.name} killed {kills} times, {habit}: failed",
        value=found["failed"],
        unit="requests",
        at_most=0 if victim.harmless else None,
        note=note,
    )
    outages = [length for _, length in found["outages"]]
    if outages or victim.back_within:
        longest = _seconds(kills) if -1.0 in outages else max(outages, default=0)
        yield Figure(
            name=f"{victim.name} killed, {habit}: back after",
            value=longest,
            unit="s",
            at_most=victim.back_within,
            seen=outages,
            note="longest outage",
        )


def _seconds(kills: int) -> float:
    return FIRST + (kills - 1) * BETWEEN + AFTER


def _under_load(mesh: Mesh, victim: Victim, keep_alive: bool, kills: int) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "benchmarks" / "load.py"), f"http://127.0.0.1:{mesh.port}{PATH}"]
    command += ["--seconds", str(_seconds(kills)), "--rate", str(RATE), "--connections", "32"]
    load = subprocess.Popen(command + ([] if keep_alive else ["--close"]), stdout=subprocess.PIPE, text=True)
    began = time.monotonic()
    try:
        for number in range(kills):
            time.sleep(max(0.0, began + FIRST + number * BETWEEN - time.monotonic()))
            victim.kill(mesh, number)
        out, _ = load.communicate(timeout=_seconds(kills) + 60)
    finally:
        load.kill()
    mesh.wait_ready()
    time.sleep(3)
    result: dict[str, Any] = json.loads(out)
    return result


def _kill(*places: tuple[str, str]) -> Callable[[Mesh, int], None]:
    """One process of these in turn."""

    def kill(mesh: Mesh, number: int) -> None:
        workload, process = next(itertools.islice(itertools.cycle(places), number, None))
        os.kill(mesh.pid(workload, process), signal.SIGKILL)

    return kill


def _kill_up(mesh: Mesh, number: int) -> None:
    """The whole mesh goes with it; start the next one at once, as a service manager would."""
    assert mesh.process is not None
    mesh.process.kill()
    mesh.process.wait()
    mesh.begin()


_GATEWAY, _PRODUCTPAGE = "istio-ingressgateway", "productpage-v1"
VICTIMS = (
    Victim(name="control plane", kill=_kill(("istiod", "discovery")), harmless=True),
    Victim(name="agent", kill=_kill((_GATEWAY, "agent"), (_PRODUCTPAGE, "agent")), harmless=True),
    Victim(name="app", kill=_kill((_PRODUCTPAGE, "productpage")), back_within=3),
    Victim(name="Envoy", kill=_kill((_PRODUCTPAGE, "envoy"), (_GATEWAY, "envoy")), back_within=3),
    Victim(name="up", kill=_kill_up),
)
