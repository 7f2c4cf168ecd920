"""`ostria label KIND NAME key=value key-`: change the labels of an object; a namespace's decide about injection."""

from typing import Annotated

import typer

from ostria.api.kinds import named
from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, ask, fail


def register(app: typer.Typer) -> None:
    app.command(
        "label", help="Set or remove labels: `label namespace default istio-injection=enabled`, `label ns default istio-injection-`."
    )(label)


def label(
    kind: Annotated[str, typer.Argument(metavar="KIND")],
    object_name: Annotated[str, typer.Argument(metavar="NAME")],
    changes: Annotated[list[str], typer.Argument(metavar="KEY=VALUE|KEY- …")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Change labels that have another value already.")] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    found = named(kind) or fail(f"{kind!r} is not a kind that Ostria knows", status=2)
    key = {"kind": found.name, "namespace": namespace if found.namespaced else "", "name": object_name}
    for answer in ask(name, "label", key=key, labels=parse(changes), overwrite=overwrite):
        print(f"{answer['object']} {answer['result']}")


def parse(changes: list[str]) -> dict[str, str | None]:
    """Key → new value, or None to remove it."""
    labels: dict[str, str | None] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals and not change.endswith("-"):
            fail(f"{change!r} is neither KEY=VALUE nor KEY-", status=2)
        labels[key if equals else change.removesuffix("-")] = value if equals else None
    return labels
