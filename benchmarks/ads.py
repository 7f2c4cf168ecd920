"""The control plane alone under the load of 100 and 1,000 proxies, beside the floor: a bare server that sends the same bytes.

The control plane runs as a user would run it, `ostria discovery --config DIR`, with free ports in place of the usual ones.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import floor, processes
from benchmarks.figures import Figure
from benchmarks.mesh import OSTRIA, ROOT, free_port

TOOLS = ROOT.parent / "shared" / "bench"
CHANGE = ROOT / "benchmarks" / "ads_change.py"
FLOOR = "1983428,2066256,11664,613232"
"""Bytes of clusters, endpoints, listeners and routes that one proxy of the plain world is sent."""
REPEAT = 5
SETTLE = 2
"""Seconds after a change that the load client counts to it."""
PATIENCE = 45
"""Seconds that proxies may take to be complete, and a change to reach them."""
RUN_SECONDS = 320
ROUTE, ENDPOINT = ("VirtualService", "changed-{n}"), ("endpoint", "10.99.0.{n}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`change` is its word for `ads_change` and what proxies are then sent; `reached`: how many proxies it concerns; `goals` by the names of figures."""

    name: str
    proxies: int
    change: tuple[str, str] = ROUTE
    reached: int
    services: int = 1000
    mixed: bool = False
    vhds: bool = False
    cold: bool = True
    goals: Mapping[str, float]

    @property
    def world(self) -> list[str]:
        return ["--services", str(self.services), *(["--mixed"] if self.mixed else [])]

    @property
    def client(self) -> list[str]:
        return [*self.world, "--proxies", str(self.proxies), "--expect", str(self.reached), *(["--vhds"] if self.vhds else [])]


PLAIN = {"CPU": 12, "wall": 25, "peak": 450, "idle": 250}
LOADS = (
    Load(name="100 proxies", proxies=100, reached=100, goals={}),
    Load(name="1,000 proxies", proxies=1000, reached=1000, goals={**PLAIN, "p99": 2.5, "change CPU": 1.2}),
    Load(
        name="1,000 proxies with VHDS", proxies=1000, reached=1000, vhds=True, goals={"p50": 0.3, "p99": 0.5, "change CPU": 0.5, "KB": 10}
    ),
    Load(name="1,000 proxies", proxies=1000, change=ENDPOINT, reached=1000, cold=False, goals={"p50": 0.2, "p99": 0.35, "change CPU": 0.3}),
    Load(
        name="mixed world, 1,000 proxies",
        proxies=1000,
        reached=50,
        mixed=True,
        goals={"CPU": 12, "wall": 20, "peak": 400, "p99": 0.1, "change CPU": 0.05},
    ),
)


def missing() -> str:
    return "" if TOOLS.is_dir() else f"{os.path.relpath(TOOLS, ROOT)} is not here: adsload.py and meshgen.py are no part of this repository"


def measure(*, quick: bool = False) -> Iterator[Figure]:
    loads = [_smaller(load) for load in LOADS] if quick else LOADS
    yield from _floor(sorted({load.proxies for load in loads}))
    for load in loads:
        yield from _under(load)


def _smaller(load: Load) -> Load:
    return replace(load, name=f"a tenth of {load.name}", proxies=load.proxies // 10, reached=load.reached // 10, services=100, goals={})


def _floor(sizes: Sequence[int]) -> Iterator[Figure]:
    for proxies in sizes:
        found = tool("adsload.py", "--floor", FLOOR, "--proxies", str(proxies))
        note = f"wall {found['wall_s']} s, peak {found['peak_mb']} MB"
        yield Figure(name=f"floor, {proxies:,} proxies: CPU", value=found["server_cpu_s"], unit="s", note=note)


def _under(load: Load) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="ostria-bench-") as folder:
        world = Path(folder, "world")
        tool("meshgen.py", str(world), *load.world, json_out=False)
        with control_plane(world, Path(folder)) as (pids, target):
            what, marker = load.change
            watched = [word for pid in pids for word in ("--pid", str(pid))]
            command = [
                "--change",
                f"{sys.executable} {CHANGE} {world} {what} {{n}}",
                "--marker",
                marker,
                "--repeat",
                str(REPEAT),
                "--settle",
                str(SETTLE),
                "--timeout",
                str(PATIENCE),
            ]
            with processes.Course(pids) as course:
                found = tool("adsload.py", target, *load.client, *watched, *command)
    if found["ready"] != load.proxies:
        yield Figure(name=f"{load.name}, cold: complete within {PATIENCE} s", value=found["ready"], unit="", at_least=load.proxies)
        return
    if load.cold:
        yield from _cold(load, found)
    yield from _changed(load, found, course.quietest(1.0) * SETTLE)


def _cold(load: Load, found: Mapping[str, Any]) -> Iterator[Figure]:
    used = {name: sum(each[name] for each in found["server_cold"]) for name in ("cpu_s", "peak_mb", "rss_mb")}
    note = f"{found['bytes_per_proxy'] / 1e6:.1f} MB to each proxy, {found['retries']} retries"
    yield _figure(load, "CPU", "cold: CPU", used["cpu_s"], "s", note=note)
    yield _figure(
        load,
        "wall",
        "cold: until all are complete",
        found["cold_s"],
        "s",
        note=f"the load client used {found['client_cpu_s']} s of CPU, changes included",
    )
    yield _figure(load, "peak", "cold: peak memory", used["peak_mb"], "MB")
    yield _figure(load, "idle", "connected and idle: resident memory", used["rss_mb"], "MB")


def _changed(load: Load, found: Mapping[str, Any], idle: float) -> Iterator[Figure]:
    """`idle`: CPU seconds that go by without a change in the time that is measured for one."""
    runs, what = found["changes"], f"one {load.change[0]} changed"
    reached = {run["reached"] for run in runs}
    wrong = reached - {load.reached}
    yield Figure(
        name=f"{load.name}, {what}: proxies reached", value=max(wrong or reached), unit="", at_least=load.reached, at_most=load.reached
    )
    if 0 in reached:
        return
    yield _figure(load, "p50", f"{what}: p50", seen=[round(run["p50"], 3) for run in runs])
    yield _figure(load, "p99", f"{what}: p99", seen=[round(run["p99"], 3) for run in runs])
    seen = [round(sum(run["server_cpu_s"]), 2) for run in runs]
    yield _figure(load, "change CPU", f"{what}: CPU", seen=seen, note=f"idle, it uses {idle:.2f} s in that time")
    sizes = [round(run["bytes_per_proxy"] * load.proxies / run["reached"] / 1000, 1) for run in runs]
    # The client counts messages in tenths of all proxies: too coarse where few are reached.
    note = f"in {runs[0]['messages_per_proxy']:g} messages" if load.reached == load.proxies else ""
    yield _figure(load, "KB", f"{what}: to each proxy reached", unit="KB", seen=sizes, note=note)
    yield _floor_of_change(load, what, round(sizes[0] * 1000))


def _floor_of_change(load: Load, what: str, size: int) -> Figure:
    with floor.floor(load.proxies) as bare:
        seen = [round(bare.change(load.reached, size, SETTLE), 2) for _ in range(REPEAT)]
    note = f"a bare server, {size:,} bytes to {load.reached:,} of {load.proxies:,} proxies"
    return _figure(load, "", f"{what}, floor: CPU", seen=seen, note=note)


def _figure(
    load: Load, goal: str, what: str, value: float | None = None, unit: str = "s", *, seen: Sequence[float] = (), note: str = ""
) -> Figure:
    """Of several measurements the middle one."""
    middle = sorted(seen)[len(seen) // 2] if value is None else value
    return Figure(name=f"{load.name}, {what}", value=middle, unit=unit, at_most=load.goals.get(goal), seen=seen, note=note)


@contextlib.contextmanager
def control_plane(world: Path, folder: Path) -> Iterator[tuple[list[int], str]]:
    """All of its processes, and where proxies find it."""
    target, *others = (f"127.0.0.1:{free_port()}" for _ in range(4))
    addresses = [word for name, at in zip(("tls", "debug", "metrics"), others, strict=True) for word in (f"--{name}-address", at)]
    with (folder / "discovery.log").open("wb") as log:
        process = subprocess.Popen(
            [OSTRIA, "discovery", "--config", str(world), "--xds-address", target, *addresses],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            if "is ready" not in process.stdout.readline():
                raise RuntimeError((folder / "discovery.log").read_text()[-2000:])
            yield processes.tree(process.pid), target
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def tool(name: str, *arguments: str, json_out: bool = True) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(TOOLS / name), *arguments], capture_output=True, text=True, timeout=RUN_SECONDS, cwd=TOOLS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1]) if json_out else {}
    return found
