"""`ostria logs WORKLOAD`: what an app or its proxy says, of all replicas."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, ask, fail

_LOOK = 0.2


def register(app: typer.Typer) -> None:
    app.command("logs", help="Show what a workload says: `logs reviews-v1`, `logs deploy/reviews-v1 -c proxy -f`.")(logs)


def logs(
    workload: Annotated[str, typer.Argument(metavar="WORKLOAD")],
    container: Annotated[str, typer.Option("--container", "-c", metavar="NAME", help="app, proxy, or a container's name.")] = "app",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    tail: Annotated[int, typer.Option(metavar="N", help="Only the last N lines; -1: all.")] = -1,
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    found = list(ask(name, "logs", workload=workload, container=container, namespace=namespace))
    if not found:
        fail(f"{workload} has no container {container!r}")
    several = len(found) > 1
    files = [_Tail(Path(entry["path"]), f"[{entry['pod']}/{entry['container']}] " if several else "") for entry in found]
    for file in files:
        file.show(tail)
    while follow:
        time.sleep(_LOOK)
        for file in files:
            file.show()


class _Tail:
    """Reads on where it stopped, also over a rotation."""

    def __init__(self, path: Path, prefix: str) -> None:
        self._path, self._prefix = path, prefix
        self._at, self._inode = 0, 0
        self._rest = b""

    def show(self, last: int = -1) -> None:
        try:
            found = self._path.stat()
            if found.st_ino != self._inode or found.st_size < self._at:
                self._at, self._inode = 0, found.st_ino
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
                self._at = file.tell()
        except OSError:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines if last < 0 else lines[max(0, len(lines) - last) :]:
            sys.stdout.write(self._prefix + line.decode(errors="replace") + "\n")
        sys.stdout.flush()
