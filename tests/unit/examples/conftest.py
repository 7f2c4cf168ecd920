"""Example apps under test: answered directly, on a loopback port of this process, or as processes of their own."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples"
sys.path.insert(0, str(EXAMPLES))

from web import Service  # noqa: E402 - found through the line above
from web.server import InFlight, bind  # noqa: E402


@pytest.fixture
def serve() -> Iterator[Callable[[Service], int]]:
    """Start a service on a free port of the loopback; the port is the result."""
    running = []

    def start(service: Service) -> int:
        server = bind(service, 0, InFlight())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        running.append(server)
        return server.server_port

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


class App:
    """An example as its own process, as `up` starts it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self) -> str:
        """The next line that it prints: once it listens, where."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@pytest.fixture
def run() -> Iterator[Callable[..., App]]:
    running: list[App] = []

    def start(*arguments: str, **env: str) -> App:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, "PYTHONPATH": str(EXAMPLES), "HOSTNAME": "replica-1", **env},
            stdout=subprocess.PIPE,
            text=True,
        )
        app = App(process)
        running.append(app)
        return app

    yield start
    for app in running:
        if app.process.poll() is None:
            app.process.kill()
        app.process.wait()
        if app.process.stdout is not None:
            app.process.stdout.close()


@pytest.fixture
def within() -> Iterator[Callable[[], float]]:
    """Seconds since the test began."""
    started = time.monotonic()
    return lambda: time.monotonic() - started
