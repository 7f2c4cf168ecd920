"""A mesh to measure: started by the command line in a home of its own, asked over its control socket, ended and removed whatever happens."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import processes

ROOT = Path(__file__).resolve().parents[1]
OSTRIA = str(Path(sys.executable).with_name("ostria"))
START_SECONDS = 120


class Mesh:
    """`files` are copied into a watched folder; `port` publishes the gateway. In the foreground of a process of ours, so that `up` itself can be killed."""

    def __init__(self, name: str, files: Sequence[Path]) -> None:
        self.name, self.port = name, free_port()
        self.home = Path(tempfile.mkdtemp(prefix="ostria-bench-"))
        self.watched = self.home / "config"
        self.watched.mkdir()
        for file in files:
            shutil.copy(file, self.watched / file.name)
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
        return {**kept, "HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state"), "OSTRIA_MESH": self.name, "NO_COLOR": "1"}

    def begin(self) -> None:
        """Start `ostria up` and return at once; `started` is when."""
        command = [OSTRIA, "up", "-f", str(self.watched), "--gateway-port", str(self.port)]
        with (self.home / "up.log").open("ab") as log:
            self.started = time.perf_counter()
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self) -> None:
        """Until every replica is ready and the mesh has said so."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.CalledProcessError):
                if (found := self.replicas()) and all(replica["ready"] for replica in found):
                    return
            time.sleep(0.2)
        raise RuntimeError(f"mesh {self.name} is not ready after {START_SECONDS} s:\n{self.said()}")

    def run(self, *arguments: str, text: str | None = None, seconds: float = 60) -> str:
        """Standard output of `ostria ARGUMENTS`. Raise CalledProcessError."""
        done = subprocess.run(
            [OSTRIA, *arguments],
            env=self.environment,
            cwd=self.home,
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
        return done.stdout

    def replicas(self) -> list[dict[str, Any]]:
        """Also while something is wrong, which `status` says with its exit status."""
        try:
            said = self.run("status", "-o", "json")
        except subprocess.CalledProcessError as error:
            said = error.stdout
        workloads: list[dict[str, Any]] = json.loads(said)["workloads"] if said else []
        return workloads

    def pid(self, workload: str, process: str) -> int:
        """On this machine, of the workload's first replica."""
        for replica in self.replicas():
            if replica["workload"] == workload and process in replica["pids"]:
                return int(replica["pids"][process])
        raise LookupError(f"{workload} has no process {process}")

    def pids(self) -> list[int]:
        assert self.process is not None
        return processes.tree(self.process.pid)

    def exec_python(self, workload: str, program: Path, *arguments: str, seconds: float) -> dict[str, Any]:
        """Run one self-contained program inside the workload's network; what it prints last is its JSON result."""
        out = self.run("exec", workload, "--", sys.executable, "-c", program.read_text(), *arguments, seconds=seconds)
        result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return result

    def save(self, name: str, text: str) -> None:
        """As an editor saves: written aside, then renamed."""
        aside = self.watched / f".{name}.tmp"
        aside.write_text(text)
        aside.rename(self.watched / name)

    def first_answer(self, path: str, seconds: float = 60) -> float:
        """Seconds from `begin` to the end of the first 200 from the gateway."""
        deadline = self.started + seconds
        while time.perf_counter() < deadline:
            url = f"http://127.0.0.1:{self.port}{path}"
            with contextlib.suppress(OSError, urllib.error.HTTPError), urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
                if answer.status == 200:
                    return time.perf_counter() - self.started
            time.sleep(0.01)
        raise RuntimeError(f"mesh {self.name} serves no {path} after {seconds} s:\n{self.said()}")

    def said(self) -> str:
        return (self.home / "up.log").read_text(errors="replace")[-3000:]

    def down(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        if self.process is not None:
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def running(name: str, files: Sequence[Path], *, ready: bool = True) -> Iterator[Mesh]:
    mesh = Mesh(f"{name}-{os.getpid()}", files)
    try:
        mesh.begin()
        if ready:
            mesh.wait_ready()
        yield mesh
    finally:
        mesh.down()
        shutil.rmtree(mesh.home, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def manifests(folder: str) -> list[Path]:
    return sorted((ROOT / "examples" / folder / "manifests").glob("*.yaml"))
