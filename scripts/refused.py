"""Write docs/refused.md from the tables in `ostria.api`: `python scripts/refused.py`. A test compares the two."""

import pathlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec import structs

from ostria.api.kinds import KINDS, KINDS_WITHOUT_MEANING, REFUSED_KINDS
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import Message
from ostria.api.support import NO_MEANING, REFUSED, Table
from ostria.api.uses import messages_in

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs" / "refused.md"
EVERY_OBJECT = "Every object"
Place = tuple[str, ...]
Row = tuple[str, ...]

HEAD = """# What is refused, and what has no meaning here

Written by `scripts/refused.py` from the tables that the program itself uses (`src/ostria/api/support.py`, `src/ostria/api/kinds.py`); a test keeps them together.

- **Refused**: the object is not taken, with file, line, field and the reason below. Its last good version, if there is one, stays.
- **Without meaning**: the object is taken, and the field changes nothing on one machine; `ostria status -v` lists every use.
- Everything else in the API is honoured.

A field that is written with its default, or with `false` where it has none, asks for nothing and passes. Where fields stand below `template`, pods are meant wherever they are
written: `spec.hostNetwork` of a Pod is `spec.template.spec.hostNetwork` of a Deployment. One *value* is refused too: an EnvoyFilter that applies to `BOOTSTRAP`,
because a proxy's bootstrap is made where the proxy starts, before it asks the control plane.
"""


def main() -> None:
    PAGE.write_text(page())


def page() -> str:
    sections = (
        "## Refused kinds",
        _table(("kinds", "group", "reason"), _refused_kinds()),
        "## Kinds without meaning",
        "Skipped with a warning: they speak to a cluster's own machinery.",
        ", ".join(f"`{kind}`" for _, kind in sorted(KINDS_WITHOUT_MEANING, key=lambda key: key[1])) + ".",
        "## Refused fields",
        *_fields(REFUSED),
        "## Fields without meaning",
        *_fields(NO_MEANING),
    )
    return HEAD + "\n" + "\n\n".join(sections) + "\n"


def _refused_kinds() -> Iterator[Row]:
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (group, kind), reason in REFUSED_KINDS.items():
        alike[group, reason].append(kind)
    for (group, reason), kinds in alike.items():
        yield _names(kinds), f"`{group}`" if group else "core", reason


def _fields(table: Table) -> Iterator[str]:
    """A heading and a table per owner: a kind, or the kinds that share the message."""
    owned: dict[str, list[Row]] = defaultdict(list)
    for message, fields in table.items():
        owner, place = _owner(message)
        alike: dict[str, list[str]] = defaultdict(list)
        for name, reason in fields.items():
            alike[reason].append(name)
        owned[owner] += [(f"`{'.'.join(place)}`" if place else "", _names(names), reason) for reason, names in alike.items()]
    for owner in sorted(owned, key=lambda name: (name != EVERY_OBJECT, name)):
        yield f"### {owner}"
        yield _table(("in", "fields", "reason"), owned[owner])


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _owner(message: type[Message]) -> tuple[str, Place]:
    """The kinds that a message stands in, and its place in the one where it stands highest."""
    found = {name: place for name, root in _roots().items() if (place := _place(root, message)) is not None}
    if not found:
        raise LookupError(f"{message.__name__} stands in no kind")
    if len(found) == len(KINDS):
        return EVERY_OBJECT, min(found.values(), key=len)
    highest = min(found, key=lambda name: (len(found[name]), name))
    others = sorted(found.keys() - {highest})
    return ", ".join((highest, *others)), found[highest]


def _roots() -> Mapping[str, type[Message]]:
    return {**{kind.name: kind.type for kind in KINDS}, "MeshConfig": MeshConfig}


def _place(root: type[Message], wanted: type[Message]) -> Place | None:
    """The shortest way from a kind to a message, as a path of fields; lists are marked."""
    seen: set[type[Message]] = {root}
    ways: list[tuple[type[Message], Place]] = [(root, ())]
    for shape, place in ways:
        if shape is wanted:
            return place
        for field in structs.fields(shape):
            for inner in messages_in(field.type):
                if inner not in seen:
                    seen.add(inner)
                    many = "[]" if getattr(field.type, "__origin__", None) is tuple else ""
                    ways.append((inner, (*place, field.encode_name + many)))
    return None


def _table(header: Row, rows: Iterable[Row]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)])


if __name__ == "__main__":
    main()
