"""`ostria up`: start a mesh on this machine, wait until it serves, and keep it until Ctrl-C (or, with --detach, until `ostria down`)."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ostria.cli import summary
from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, fail, paths_of, say
from ostria.local.front import CannotStart, Front, Wanted, prepare


def register(app: typer.Typer) -> None:
    app.command("up", help="Start a mesh on this machine and wait until it serves.")(up)


def up(
    filename: Annotated[list[str] | None, typer.Option("--filename", "-f", metavar="PATH", help="File or folder of YAML; watched.")] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when the mesh serves; `ostria down` ends it.")] = False,
    gateway_port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Publish port 80 of the ingress gateway here; 0: nowhere.")
    ] = 0,
    no_capture: Annotated[
        bool, typer.Option("--no-capture", help="Without namespaces and redirection, even where they are possible.")
    ] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    files = tuple(os.path.abspath(path) for path in filename or [])
    wanted = Wanted(paths=paths_of(name), files=files, namespace=namespace, gateway_port=gateway_port, capture=not no_capture)
    try:
        lock = prepare(wanted)
        status = _detached(wanted) if detach else _foreground(wanted)
    except CannotStart as reason:
        fail(str(reason), reason.hint)
    os.close(lock)
    raise typer.Exit(status)


def _foreground(wanted: Wanted) -> int:
    teller = _Teller(wanted)
    status = asyncio.run(Front(wanted, teller.tell).run())
    return 1 if teller.failed or status not in (0, -15) else 0


def _detached(wanted: Wanted) -> int:
    """Leave the mesh to a process of its own; repeat what it tells until the mesh serves."""
    heard, told = os.pipe()
    if os.fork() == 0:
        os.close(heard)
        _daemon(wanted, told)
    os.close(told)
    teller = _Teller(wanted)
    with os.fdopen(heard) as news:
        for line in news:
            teller.tell(json.loads(line))
            if teller.served:
                return 1 if teller.troubled else 0
    return 1


def _daemon(wanted: Wanted, told: int) -> None:
    os.setsid()
    log = os.open(wanted.paths.logs / "up.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.set_inheritable(told, False)

    def tell(news: dict[str, Any]) -> None:
        try:
            os.write(told, json.dumps(news).encode() + b"\n")
        except OSError:
            print(json.dumps(news), flush=True)

    status = 1
    try:
        status = asyncio.run(Front(wanted, tell).run())
    except CannotStart as reason:
        tell({"failed": f"{reason}\n{reason.hint}"})
    finally:
        os._exit(status)


class _Teller:
    """Shows news as it comes: what starts on standard error, the end of the start on standard output."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.served = self.failed = self.troubled = False

    def tell(self, news: dict[str, Any]) -> None:
        match news:
            case {"say": str(text)}:
                say(f"  {text}")
            case {"failed": str(text)}:
                self.failed = True
                say(f"error: {text}")
                say(f"hint: logs are in {self._wanted.paths.logs}")
            case {"ready": dict(ready)}:
                self.served = True
                self.troubled = any(not w["ready"] and w["phase"] != "Succeeded" for w in ready["workloads"])
                print(summary.of(ready, Path.cwd()), flush=True)
                sys.stdout.flush()
