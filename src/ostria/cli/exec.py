"""`ostria exec WORKLOAD -- CMD …`: run a command beside a workload, with its files, network and user; `-c proxy` beside its proxy, to look at rules."""

import os
import sys
from typing import Annotated

import typer

from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, ask_one


def register(app: typer.Typer) -> None:
    app.command("exec", help="Run a command in a workload: `exec curl -- curl -s http://httpbin:8000/get`.")(execute)


def execute(
    workload: Annotated[str, typer.Argument(metavar="WORKLOAD")],
    command: Annotated[list[str], typer.Argument(metavar="-- CMD …")],
    container: Annotated[str, typer.Option("--container", "-c", metavar="NAME", help="A container's name, or proxy.")] = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    term = os.environ.get("TERM", "") if sys.stdin.isatty() else ""
    fields = {"workload": workload, "container": container, "command": command, "namespace": namespace, "term": term}
    answer = ask_one(name, "exec", descriptors=(0, 1, 2), **fields)
    code = int(answer.get("exit", 1))
    raise typer.Exit(code if code >= 0 else 128 - code)
