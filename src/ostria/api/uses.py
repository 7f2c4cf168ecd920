"""Which fields of an object stand in one of the tables of `ostria.api.support`.

Every message type is looked at once; an object then costs only the walk to those places where a listed field may stand.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

from msgspec import NODEFAULT, structs

from ostria.api.meta import Message, Tolerant
from ostria.api.problem import Issue, Path
from ostria.api.support import NO_MEANING, REFUSED

_Table = Literal["refused", "meaningless"]
_TABLES = {"refused": REFUSED, "meaningless": NO_MEANING}


class Plan(NamedTuple):
    """What to look at in a message: attributes that stand in a table, and attributes with messages below them that do."""

    listed: tuple[tuple[str, str, Any, str], ...]
    """(attribute, name in YAML, default, reason)"""
    below: tuple[tuple[str, str], ...]


def refused(message: Message) -> Iterator[Issue]:
    """Every use of a refused field in an object."""
    for path, reason in _uses(message, "refused", ()):
        yield Issue(path, f"the field {path[-1]!r} is not supported", reason)


def without_meaning(message: Message) -> Iterator[tuple[Path, str]]:
    """Every use of a field that has no effect here, with the reason."""
    yield from _uses(message, "meaningless", ())


def _uses(value: Any, table: _Table, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _uses(item, table, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _uses(item, table, (*path, key))
    elif isinstance(value, Message):
        plan = _plan(type(value), table)
        for attribute, name, default, reason in plan.listed:
            used = getattr(value, attribute)
            if used != default and not (used is False and default is None):
                yield (*path, name), reason
        for attribute, name in plan.below:
            yield from _uses(getattr(value, attribute), table, (*path, name))


@cache
def _plan(shape: type[Message], table: _Table) -> Plan:
    reasons = _TABLES[table].get(shape, {})
    listed, below = [], []
    for field in structs.fields(shape):
        if field.encode_name in reasons:
            default = field.default if field.default_factory is NODEFAULT else field.default_factory()
            listed.append((field.name, field.encode_name, default, reasons[field.encode_name]))
        elif any(_reaches(inner, table) for inner in messages_in(field.type)):
            below.append((field.name, field.encode_name))
    return Plan(tuple(listed), tuple(below))


@cache
def _reaches(shape: type[Message], table: _Table) -> bool:
    return shape in _TABLES[table] or any(_reaches(inner, table) for field in structs.fields(shape) for inner in messages_in(field.type))


def messages_in(annotation: Any) -> Iterator[type[Message]]:
    """The message types inside a field's type: through tuples, maps and optional values. Status is written by others and left out."""
    if isinstance(annotation, type) and issubclass(annotation, Message):
        if not issubclass(annotation, Tolerant):
            yield annotation
    else:
        for argument in getattr(annotation, "__args__", ()):
            yield from messages_in(argument)
