"""The control plane alone under the load of 100 and 1,000 proxies, beside the floor: a bare server that sends the same bytes."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import Figure
from benchmarks.mesh import OSTRIA, ROOT, free_port

TOOLS = ROOT.parent / "shared" / "bench"
CHANGE = ROOT / "benchmarks" / "ads_change.py"
FLOOR = "1983428,2066256,11664,613232"
"""Bytes of clusters, endpoints, listeners and routes that one proxy of the plain world is sent."""
REPEAT = 5
RUN_SECONDS = 560


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`reached`: how many proxies the changed object concerns."""

    name: str
    proxies: int
    change: str
    marker: str
    reached: int
    mixed: bool = False

    @property
    def flags(self) -> list[str]:
        return ["--mixed"] if self.mixed else []


ROUTE, ENDPOINT = ("VirtualService", "changed-{n}"), ("endpoint", "10.99.0.{n}")
LOADS = (
    Load(name="100 proxies", proxies=100, change=ROUTE[0], marker=ROUTE[1], reached=100),
    Load(name="1,000 proxies", proxies=1000, change=ROUTE[0], marker=ROUTE[1], reached=1000),
    Load(name="1,000 proxies", proxies=1000, change=ENDPOINT[0], marker=ENDPOINT[1], reached=1000),
    Load(name="mixed world, 1,000 proxies", proxies=1000, change=ROUTE[0], marker=ROUTE[1], reached=50, mixed=True),
)


def missing() -> str:
    return "" if TOOLS.is_dir() else f"{os.path.relpath(TOOLS, ROOT)} is not here: adsload.py and meshgen.py are no part of this repository"


def measure() -> list[Figure]:
    return [*_floor(), *(figure for load in LOADS for figure in _under(load))]


def _floor() -> Iterator[Figure]:
    for proxies in (100, 1000):
        found = _tool("adsload.py", "--floor", FLOOR, "--proxies", str(proxies))
        note = f"wall {found['wall_s']} s, peak {found['peak_mb']} MB"
        yield Figure(name=f"floor, {proxies:,} proxies: CPU", value=found["server_cpu_s"], unit="s", note=note)


def _under(load: Load) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="ostria-bench-") as folder:
        world = Path(folder, "world")
        _tool("meshgen.py", str(world), *load.flags, json_out=False)
        with _control_plane(world, Path(folder)) as (pid, target):
            command = f"{sys.executable} {CHANGE} {world} {load.change} {{n}}"
            arguments = [target, "--proxies", str(load.proxies), *load.flags, "--pid", str(pid), "--repeat", str(REPEAT)]
            found = _tool("adsload.py", *arguments, "--change", command, "--marker", load.marker, "--expect", str(load.reached))
    yield from _figures(load, found)


def _figures(load: Load, found: dict[str, Any]) -> Iterator[Figure]:
    if found["ready"] != load.proxies:
        raise RuntimeError(f"{load.name}: only {found['ready']} became ready")
    cold = found["server_cold"][0]
    if load.change == LOADS[0].change:
        note = f"wall {found['cold_s']} s, {found['bytes_per_proxy'] / 1e6:.1f} MB to each proxy, {found['retries']} retries"
        yield Figure(name=f"{load.name}, cold: CPU", value=cold["cpu_s"], unit="s", note=note)
        yield Figure(
            name=f"{load.name}, cold: peak memory", value=cold["peak_mb"], unit="MB", note=f"resident afterwards {cold['rss_mb']} MB"
        )
    runs = [run for run in found["changes"] if run["reached"]]
    what = f"{load.name}, {load.change} change reaches {min(run['reached'] for run in runs):,}"
    cpu = [run["server_cpu_s"][0] for run in runs]
    yield _middle(f"{what}: p50", [round(run["p50"], 3) for run in runs], "s")
    yield _middle(f"{what}: p99", [round(run["p99"], 3) for run in runs], "s")
    yield _middle(f"{what}: CPU", cpu, "s")


def _middle(name: str, seen: Sequence[float], unit: str) -> Figure:
    return Figure(name=name, value=sorted(seen)[len(seen) // 2], unit=unit, seen=seen)


@contextlib.contextmanager
def _control_plane(world: Path, folder: Path) -> Iterator[tuple[int, str]]:
    target = f"127.0.0.1:{free_port()}"
    closed = [word for name in ("tls", "debug", "metrics") for word in (f"--{name}-address", "")]
    with (folder / "discovery.log").open("wb") as log:
        process = subprocess.Popen(
            [OSTRIA, "discovery", "--config", str(world), "--xds-address", target, *closed], stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            if "is ready" not in process.stdout.readline():
                raise RuntimeError((folder / "discovery.log").read_text()[-2000:])
            yield process.pid, target
        finally:
            process.terminate()
            process.wait(30)


def _tool(name: str, *arguments: str, json_out: bool = True) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(TOOLS / name), *arguments], capture_output=True, text=True, timeout=RUN_SECONDS, cwd=TOOLS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1]) if json_out else {}
    return found
