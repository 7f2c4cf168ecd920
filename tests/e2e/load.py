"""Steady traffic while something happens: every request is counted, none is tried again."""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Load:
    """Half of the `rate` requests a second go over kept connections, half each over a new one. Use it as a context."""

    port: int
    path: str = "/status/200"
    host: str = "localhost"
    rate: int = 100
    good: Callable[[int], bool] = lambda status: status == 200
    sent: int = 0
    failed: list[str] = field(default_factory=list)
    """When, since the start, and how."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _began: float = 0.0

    def __enter__(self) -> "Load":
        self._began = time.monotonic()
        workers = 4
        for index in range(workers):
            kept = index % 2 == 0
            thread = threading.Thread(target=self._work, args=(workers / self.rate, kept), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(15)

    def _work(self, pause: float, kept: bool) -> None:
        connection = self._connect()
        due = time.monotonic()
        while not self._ended.is_set():
            due = max(due + pause, time.monotonic() - 1)
            self._ended.wait(max(0.0, due - time.monotonic()))
            problem = self._ask(connection)
            with self._lock:
                self.sent += 1
                if problem:
                    self.failed.append(f"{time.monotonic() - self._began:.2f} s, {'kept' if kept else 'new'} connection: {problem}")
            if problem or not kept:
                connection.close()
                connection = self._connect()
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def _ask(self, connection: http.client.HTTPConnection) -> str:
        try:
            connection.request("GET", self.path, headers={"host": self.host})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        return "" if self.good(answer.status) else f"status {answer.status}: {body[:80]!r}"
