"""What processes cost, read from /proc: CPU seconds, memory by its fair share, who descends from whom."""

import contextlib
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads, and of the children that it has buried."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[n]) for n in (11, 12, 13, 14)) / _TICKS


def total_cpu_seconds(pids: Iterable[int]) -> float:
    return sum(cpu_seconds(pid) for pid in pids)


def thread_cpu_seconds(pid: int) -> dict[str, float]:
    """By the names of its threads; numbers at their ends are dropped, so that a pool is one. The first thread is `main`."""
    found: dict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        head, _, rest = (task / "stat").read_text().rpartition(")")
        fields = rest.split()
        name = "main" if task.name == str(pid) else head.partition("(")[2].rstrip("0123456789-_")
        found[name] += (int(fields[11]) + int(fields[12])) / _TICKS
    return found


class Course:
    """How the CPU time of some processes goes on, looked at ten times a second while its block runs."""

    _EVERY = 0.1

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids, self._ended = pids, threading.Event()
        self._looks: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def quietest(self, seconds: float) -> float:
        """The least CPU time in any span of so many seconds, once more than half of all that it used was used: before that its clients weren't there."""
        half = (self._looks[0][1] + self._looks[-1][1]) / 2
        looks = [look for look in self._looks if look[1] > half]
        spans = (next((used - before for at, used in looks[n:] if at - begun >= seconds), inf) for n, (begun, before) in enumerate(looks))
        return min(spans, default=inf)

    def _look(self) -> None:
        while not self._ended.wait(self._EVERY):
            self._looks.append((time.monotonic(), sum(map(_scheduled_seconds, self._pids))))


def _scheduled_seconds(pid: int) -> float:
    """Of all its threads; finer than the clock's ticks."""
    nanoseconds = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # Threads end.
            nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def memory_mb(pid: int) -> dict[str, float]:
    """`pss`: pages shared with N processes count one Nth; `uss`: only what would be freed with it; `rss`: all it maps."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kilobytes = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    own = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return {"pss": round(kilobytes["Pss"] / 1024, 1), "uss": round(own / 1024, 1), "rss": round(kilobytes["Rss"] / 1024, 1)}


def argv(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found
