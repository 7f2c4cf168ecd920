"""A control plane as a user runs it: a process over a folder, looked at from outside only."""

import asyncio
import re
import socket
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_STARTS_WITHIN = 60.0
_BAD = re.compile(r"^\S+ \S+ (ERROR|CRITICAL) |^Traceback", re.MULTILINE)


@dataclass(frozen=True)
class ControlPlane:
    target: str
    process: psutil.Process
    log: Path
    metrics_port: int

    def memory(self) -> float:
        """Resident, in MB."""
        return float(self.process.memory_info().rss) / 1e6

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def complaints(self) -> list[str]:
        """Lines of its log that tell of a mistake of ours."""
        return [line for line in self.log.read_text().splitlines() if _BAD.search(line)]

    def metric(self, name: str) -> float:
        """The sum over all labels, now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))


@asynccontextmanager
async def control_plane(config: Path, log: Path) -> AsyncIterator[ControlPlane]:
    """Ready when it is given, ended with the block."""
    xds, metrics = _free_port(), _free_port()
    arguments = [
        "-c",
        "from ostria.cli import main; main()",
        "discovery",
        "--config",
        str(config),
        "--debug-address",
        "",
        "--tls-address",
        "",
    ]
    addresses = ["--xds-address", f"127.0.0.1:{xds}", "--metrics-address", f"127.0.0.1:{metrics}"]
    with log.open("wb") as errors:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, *addresses, stdout=asyncio.subprocess.PIPE, stderr=errors, stdin=asyncio.subprocess.DEVNULL
        )
    try:
        assert child.stdout is not None
        said = await asyncio.wait_for(child.stdout.readline(), _STARTS_WITHIN)
        assert said, log.read_text()
        yield ControlPlane(f"127.0.0.1:{xds}", psutil.Process(child.pid), log, metrics)
    finally:
        if child.returncode is None:
            child.terminate()
        await asyncio.wait_for(child.wait(), 20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Quiet:
    """When nobody has heard anything for a while."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def heard(self) -> None:
        self._last = time.monotonic()

    async def __call__(self, seconds: float) -> None:
        while (rest := self._last + seconds - time.monotonic()) > 0:
            await asyncio.sleep(rest)
