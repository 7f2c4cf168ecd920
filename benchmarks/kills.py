"""What a killed process costs: 200 requests a second through the gateway while one kind of process is killed again and again; no client retries."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.mesh import ROOT, Mesh, manifests, running

LOAD = ROOT / "benchmarks" / "load.py"
LIGHT_PATH = "/static/style.css"
RATE = 200
VICTIMS = (
    ("control plane", "istiod", "discovery"),
    ("agent", "productpage-v1", "agent"),
    ("app", "productpage-v1", "productpage"),
    ("Envoy", "productpage-v1", "envoy"),
)


def measure(seconds: float = 60, times: int = 5) -> Iterator[dict[str, Any]]:
    """One row for each kind of process, with connections that are kept and with a new one for each request."""
    with running("kills", manifests("bookinfo")) as mesh:
        for close in (False, True):
            for name, workload, process in VICTIMS:
                row = _under_load(mesh, workload, process, seconds, times, close)
                yield {"killed": f"{name} × {times}", "connections": "new" if close else "kept", **row}


def _under_load(mesh: Mesh, workload: str, process: str, seconds: float, times: int, close: bool) -> dict[str, Any]:
    url = f"http://127.0.0.1:{mesh.port}{LIGHT_PATH}"
    backs: list[float] = []

    def kill() -> None:
        for _ in range(times):
            time.sleep(seconds / (times + 1))
            pid = mesh.pid(workload, process)
            os.kill(pid, signal.SIGKILL)
            killed = time.perf_counter()
            while True:
                try:
                    if mesh.pid(workload, process) != pid:
                        break
                except LookupError:
                    pass
                time.sleep(0.05)
            backs.append(time.perf_counter() - killed)

    killer = threading.Thread(target=kill)
    killer.start()
    result = _load(url, seconds, close)
    killer.join()
    return {**result, "process_back_s": round(max(backs), 2)}


def _load(url: str, seconds: float, close: bool) -> dict[str, Any]:
    command = [
        sys.executable,
        str(LOAD),
        url,
        "--seconds",
        str(seconds),
        "--rate",
        "200",
        "--connections",
        "32",
        *(["--close"] if close else []),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    report = json.loads(said.strip().splitlines()[-1])
    return {name: report[name] for name in ("requests", "failed", "reasons", "p99_ms")}
