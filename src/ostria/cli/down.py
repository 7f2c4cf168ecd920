"""`ostria down`: end a mesh in order. Nothing of it stays on the host but its state folder."""

import contextlib
import fcntl
import os
import shutil
import time
from typing import Annotated

import typer

from ostria.cli.running import DEFAULT_MESH, MeshName, fail, paths_of, say
from ostria.local.control import client
from ostria.local.paths import MeshPaths


def register(app: typer.Typer) -> None:
    app.command("down", help="End a mesh.")(down)


def down(
    name: MeshName = DEFAULT_MESH,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for workloads to end.")] = 60.0,
) -> None:
    paths = paths_of(name)
    try:
        with contextlib.suppress(client.Failed):
            for _ in client.request(paths.control, "stop"):
                pass
    except client.NotRunning:
        if not _held(paths):
            shutil.rmtree(paths.runtime, ignore_errors=True)
            say(f"no mesh named {name!r} is running")
            return
    deadline = time.monotonic() + timeout
    while _held(paths):
        if time.monotonic() > deadline:
            fail(f"mesh {name!r} has not ended within {timeout:g} s", f"its logs are in {paths.logs}")
        time.sleep(0.05)
    say(f"mesh {name} has ended; its state stays in {paths.state}")


def _held(paths: MeshPaths) -> bool:
    """Whether a running `ostria up` holds the mesh's lock."""
    try:
        lock = os.open(paths.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
