"""What every verb that talks to a running mesh shares: its options, asking, and saying what went wrong."""

import os
import sys
from collections.abc import Iterator
from typing import Annotated, Any, NoReturn

import typer

from ostria.local.control import client
from ostria.local.paths import BadName, MeshPaths, mesh_paths

MeshName = Annotated[str, typer.Option("--name", envvar="OSTRIA_MESH", metavar="MESH", help="The mesh, where several run side by side.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", metavar="NAMESPACE", help="Namespace of what is named without one.")]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="Output format.")]

DEFAULT_MESH = "default"
DEFAULT_NAMESPACE = "default"


def say(text: str) -> None:
    print(text, file=sys.stderr)


def fail(message: str, hint: str = "", status: int = 1) -> NoReturn:
    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")
    raise typer.Exit(status)


def paths_of(mesh: str) -> MeshPaths:
    try:
        return mesh_paths(mesh, os.environ, os.getuid())
    except BadName as error:
        fail(str(error), status=2)


def ask(mesh: str, op: str, /, **fields: Any) -> Iterator[dict[str, Any]]:
    """The answers of the mesh; what goes wrong is said, and ends the command with status 1."""
    try:
        yield from client.request(paths_of(mesh).control, op, **fields)
    except client.NotRunning:
        fail(f"no mesh named {mesh!r} is running", "start one with `ostria up`, or name another with --name")
    except client.Failed as failed:
        fail(str(failed), failed.hint)


def ask_one(mesh: str, op: str, /, **fields: Any) -> dict[str, Any]:
    return next(ask(mesh, op, **fields), {})


def choose(output: str, known: tuple[str, ...]) -> str:
    if output not in known:
        fail(f"output format {output!r} is not known here", f"one of: {', '.join(known)}", status=2)
    return output
