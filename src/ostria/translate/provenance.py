"""Where a resource comes from: the objects that made it, found by its type and name.

The objects stand beside the bytes, never in them; file and line are looked up when somebody asks, so a moved line changes no resource.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ostria.api.meta import ObjectKey
from ostria.translate.prepared import Prepared, ResourceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    type_url: str
    name: str
    version: str
    origins: tuple[ObjectKey, ...]


def trace(sets: Iterable[ResourceSet], type_url: str, name: str) -> Trace | None:
    """The origin of one resource of a proxy; None if the proxy has none of that name."""
    for each in sets:
        if each.type_url == type_url and (prepared := each.get(name)) is not None:
            return _trace(type_url, prepared)
    return None


def made_by(sets: Iterable[ResourceSet], owner: ObjectKey) -> Iterator[Trace]:
    """Everything that an object (or one rule of it, if `owner` names a rule) had a part in."""
    for each in sets:
        for prepared in each:
            if any(_covers(owner, origin) for origin in prepared.origins):
                yield _trace(each.type_url, prepared)


def _covers(owner: ObjectKey, origin: ObjectKey) -> bool:
    return owner == origin or (owner.rule is None and owner == origin._replace(rule=None))


def _trace(type_url: str, prepared: Prepared) -> Trace:
    return Trace(type_url=type_url, name=prepared.name, version=prepared.version, origins=prepared.origins)
