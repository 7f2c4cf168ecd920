"""A mesh under test, driven as its user drives it: by the command line, by HTTP to the published port, by files."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = ROOT.parent / "shared" / "samples"
OSTRIA = str(pathlib.Path(sys.executable).with_name("ostria"))
TEST_UID = 12345
START_SECONDS = 90
_REFUSED = re.compile(r"\bWARNING\b.* refused \w+ '.*', made by ")
"""What the control plane logs about each resource that a proxy refused."""


def _closed_to_others(path: pathlib.Path) -> pathlib.Path | None:
    """The first folder on the way to `path` that an ordinary user may not enter."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)


def as_test_user() -> list[str]:
    """What to put before a command so that a user without any privileges runs it.

    Where Python or this checkout lies below a folder that is closed to others (root's home, as a rule), the user gets a view of the machine in which that
    folder holds just what is needed; nothing on the machine itself is changed.
    """
    needed = {path: closed for path in (pathlib.Path(sys.base_prefix).resolve(), ROOT) if (closed := _closed_to_others(path))}
    lines = ["set -e"]
    for closed in dict.fromkeys(needed.values()):
        inner = [path for path, folder in needed.items() if folder == closed]
        lines.append('view=$(mktemp -d) && mount -t tmpfs -o mode=755 tmpfs "$view"')
        lines += [f'mkdir -p "$view/{p.relative_to(closed)}" && mount --bind "{p}" "$view/{p.relative_to(closed)}"' for p in inner]
        lines.append(f'mount --rbind "$view" "{closed}" && umount -l "$view" && rmdir "$view"')
    lines.append('exec "$@"')
    view = ["unshare", "--mount", "--", "sh", "-c", "\n".join(lines), "sh"] if needed else []
    return [*view, "setpriv", "--reuid", str(TEST_UID), "--regid", str(TEST_UID), "--clear-groups"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], bool], seconds: float = 20, what: str = "") -> None:
    """Wait for a condition; the last exception is what the test fails with."""
    deadline = time.monotonic() + seconds
    last: BaseException | None = None
    while time.monotonic() < deadline:
        try:
            if holds():
                return
            last = None
        except (AssertionError, httpx.HTTPError, subprocess.CalledProcessError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what or holds}") from last


@dataclass
class Mesh:
    """`rootless` runs everything as a user without privileges; `flags` go to `up`."""

    name: str
    files: list[pathlib.Path]
    rootless: bool = False
    flags: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    home: pathlib.Path = field(default_factory=lambda: pathlib.Path(tempfile.mkdtemp(prefix="ostria-e2e-")))
    variables: dict[str, str] = field(default_factory=dict)
    """More environment for every command."""
    prefix: tuple[str, ...] = ()
    """Words in front of every command."""
    provoked: list[str] = field(default_factory=list)
    """Names of resources whose rejection the test provoked itself."""
    said: str = ""
    """What `up` said."""

    def __post_init__(self) -> None:
        self.watched = self.home / "config"
        self.watched.mkdir()
        for file in self.files:
            shutil.copy(file, self.watched / file.name)
        if self.rootless:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, TEST_UID, TEST_UID)

    # the command line

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, *(as_test_user() if self.rootless else []), OSTRIA, *arguments]

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "CI")}
        own = {"HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state"), "OSTRIA_MESH": self.name, "NO_COLOR": "1"}
        return {**kept, **own, **self.variables}

    def run(self, *arguments: str, check: bool = True, seconds: float = 60, text: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            cwd=self.home,
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"ostria {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def up(self) -> "Mesh":
        try:
            done = self.run("up", "-f", str(self.watched), "--gateway-port", str(self.port), "--detach", *self.flags, seconds=START_SECONDS)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            self.down()
            raise AssertionError(f"{error}\n{self.logs()}") from error
        self.said = done.stdout + done.stderr
        return self

    def down(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.run("down", check=False)

    def clean_up(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def logs(self) -> str:
        """The end of every log, for a failed test's message."""
        found = sorted((self.home / "state").rglob("*.log"))
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in found)

    # configuration

    def apply(self, *files: pathlib.Path) -> None:
        """Save a file into the watched folder, as an editor does: written aside, then renamed."""
        for file in files:
            self.write(file.name, file.read_text())

    def write(self, name: str, text: str) -> None:
        hidden = self.watched / f".{name}.tmp"
        hidden.write_text(text)
        if self.rootless:
            os.chown(hidden, TEST_UID, TEST_UID)
        hidden.rename(self.watched / name)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.watched / name).unlink()

    def status(self) -> dict[str, object]:
        done = self.run("status", "-o", "json", check=False)
        return json.loads(done.stdout)

    def proxies(self) -> list[dict[str, Any]]:
        """Rows of `proxy-status`, which ends with 1 when a proxy has refused something."""
        return json.loads(self.run("proxy-status", "-o", "json", check=False).stdout)

    def synced(self) -> bool:
        """Every connected proxy has acknowledged everything that was sent to it."""
        rows = self.proxies()
        return bool(rows) and all(row[kind] in ("SYNCED", "NOT SENT") for row in rows for kind in ("cds", "lds", "eds", "rds"))

    def settled(self) -> None:
        eventually(self.synced, what="every proxy SYNCED")

    def rejections(self) -> list[str]:
        """Everything that an Envoy refused, now or at any time since the first start, and the test did not provoke."""
        now = [note for row in self.proxies() for note in row.get("rejected", [])]
        logs = (self.home / "state").glob("ostria/*/logs/istio-system/istiod-*/discovery.log*")
        ever = [line for log in logs for line in log.read_text().splitlines() if _REFUSED.search(line)]
        return [note for note in (*now, *ever) if not any(name in note for name in self.provoked)]

    # traffic

    def get(
        self, path: str, host: str = "localhost", headers: dict[str, str] | None = None, client: httpx.Client | None = None
    ) -> httpx.Response:
        sender = client or httpx
        return sender.get(f"http://127.0.0.1:{self.port}{path}", headers={"host": host, **(headers or {})}, timeout=30)

    @contextlib.contextmanager
    def signed_in(self, user: str) -> Iterator[httpx.Client]:
        """A browser whose user has signed in to Bookinfo."""
        with httpx.Client() as client:
            client.post(f"http://127.0.0.1:{self.port}/login", data={"username": user, "passwd": ""}, timeout=30)
            yield client

    def exec(self, workload: str, *command: str, check: bool = True, seconds: float = 30) -> str:
        return self.run("exec", workload, "--", *command, check=check, seconds=seconds).stdout

    def curl(self, workload: str, *arguments: str) -> str:
        return self.exec(workload, "curl", "-sS", "--max-time", "15", *arguments, check=False)

    def status_code(self, workload: str, url: str, *arguments: str) -> str:
        """The HTTP status as three digits; 000 where no answer came."""
        return self.curl(workload, "-o", "/dev/null", "-w", "%{http_code}", *arguments, url).strip()[-3:]

    def pid(self, workload: str, process: str) -> int:
        """The process id on this machine of a part of a workload: `envoy`, `agent` or a container's name."""
        for replica in self.status()["workloads"]:
            if replica["name"].startswith(workload) and process in replica["pids"]:
                return int(replica["pids"][process])
        raise AssertionError(f"{workload} has no process {process}")


def stars(page: str) -> str:
    """Which reviews answered, by what a person sees: none, black or red stars."""
    match = re.search(r'<font color="(\w+)">', page)
    return match[1] if match else "none"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
