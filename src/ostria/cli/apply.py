"""`ostria apply` and `ostria delete`: change the running mesh without touching a watched file."""

from typing import Annotated, Any

import typer

from ostria.api.encode import plain
from ostria.api.kinds import named
from ostria.cli import manifests
from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, ask, fail
from ostria.config.store import Stored

Files = Annotated[list[str], typer.Option("--filename", "-f", metavar="PATH", help="File or folder; - is standard input. May be repeated.")]


def register_apply(app: typer.Typer) -> None:
    app.command("apply", help="Create or change the objects in files.")(apply)


def register_delete(app: typer.Typer) -> None:
    app.command("delete", help="Delete the objects in files, or one by its name: `delete vs reviews`.")(delete)


def apply(filename: Files, namespace: Namespace = DEFAULT_NAMESPACE, name: MeshName = DEFAULT_MESH) -> None:
    objects = [plain(stored.object) for stored in manifests.read(filename, namespace)]
    for answer in ask(name, "apply", objects=objects):
        print(f"{answer['object']} {answer['result']}")


def delete(
    what: Annotated[list[str] | None, typer.Argument(metavar="[KIND NAME …]")] = None,
    filename: Files = [],  # noqa: B006 - Typer's way to say "none given"; never changed
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    keys = [_key(stored) for stored in manifests.read(filename, namespace)] if filename else _named(what or [], namespace)
    missing = False
    for answer in ask(name, "delete", keys=keys):
        print(f"{answer['object']} {answer['result']}")
        missing |= answer["result"] == "not found"
    if missing:
        raise typer.Exit(1)


def _key(stored: Stored) -> dict[str, Any]:
    return {"kind": stored.key.kind, "namespace": stored.key.namespace, "name": stored.key.name}


def _named(words: list[str], namespace: str) -> list[dict[str, Any]]:
    if len(words) < 2:
        fail("say what to delete", "ostria delete -f FILE, or ostria delete KIND NAME", status=2)
    kind = named(words[0])
    if kind is None:
        fail(f"{words[0]!r} is not a kind that Ostria knows", status=2)
    return [{"kind": kind.name, "namespace": namespace if kind.namespaced else "", "name": word} for word in words[1:]]
