"""`ostria get KIND [NAME]`: the objects that the mesh runs on, from watched files and from `apply`, with where each one stands."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
import yaml

from ostria.api.kinds import Kind, named
from ostria.cli.proxy_config.table import render
from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, Output, ask, choose, fail

AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Whatever the namespace.")]


def register(app: typer.Typer) -> None:
    app.command("get", help="List objects, or show one: `get vs`, `get dr reviews -o yaml`, `get all`.")(get)


def get(
    kind: Annotated[str, typer.Argument(metavar="KIND")],
    object_name: Annotated[str, typer.Argument(metavar="[NAME]")] = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    all_namespaces: AllNamespaces = False,
    output: Output = "table",
    name: MeshName = DEFAULT_MESH,
) -> None:
    choose(output, ("table", "wide", "yaml", "json", "name"))
    wanted = None if kind == "all" else _kind(kind)
    everywhere = all_namespaces or (wanted is not None and not wanted.namespaced)
    fields = {"kind": wanted.name if wanted else "", "namespace": "" if everywhere else namespace, "name": object_name}
    found = list(ask(name, "objects", **fields))
    if object_name and not found:
        fail(f"{fields['kind']} {namespace}/{object_name} not found", f"ostria get {kind} -A lists those of every namespace")
    _show(found, output, everywhere=everywhere, one=bool(object_name))


def _kind(word: str) -> Kind:
    return named(word) or fail(
        f"{word!r} is not a kind that Ostria knows", "kinds are named as in YAML, by plural or short: vs, dr, gw, se", status=2
    )


def _show(found: list[dict[str, Any]], output: str, *, everywhere: bool, one: bool) -> None:
    objects = [answer["object"] for answer in found]
    shown = objects[0] if one and objects else {"apiVersion": "v1", "kind": "List", "items": objects}
    match output:
        case "json":
            print(json.dumps(shown, indent=2))
        case "yaml":
            print(yaml.safe_dump(shown, sort_keys=False), end="")
        case "name":
            for item in objects:
                print(f"{item['kind'].lower()}/{item['metadata']['name']}")
        case _:
            header = (*(("NAMESPACE",) if everywhere else ()), "KIND", "NAME", "AGE", *(("FROM",) if output == "wide" else ()))
            print(render(header, _rows(found, everywhere=everywhere, wide=output == "wide")))


def _rows(found: Iterable[dict[str, Any]], *, everywhere: bool, wide: bool) -> Iterable[tuple[str, ...]]:
    for answer in found:
        item = answer["object"]
        meta = item["metadata"]
        row = (
            item["kind"],
            meta["name"],
            age(meta.get("creationTimestamp"), datetime.now(UTC)),
            *((answer.get("origin", ""),) if wide else ()),
        )
        yield (meta.get("namespace", ""), *row) if everywhere else row


def age(created: str | None, now: datetime) -> str:
    """As kubectl writes it, in the largest unit that fits: 40s, 12m, 3h, 5d."""
    if not created:
        return "<unknown>"
    seconds = max(0, int((now - datetime.fromisoformat(created)).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
