"""What passes between a source of objects and whoever keeps them: the object, where it stands, and what changed.

Sources know this much of a store, and no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ostria.api.encode import content_version
from ostria.api.kinds import key_of
from ostria.api.meta import ObjectKey, Resource


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where an object stands. `stale`: the file no longer says this; it holds a newer version that was refused."""

    path: str
    line: int
    column: int
    stale: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """`version` is a fingerprint of the object's content: see `ostria.api.encode.content_version`."""

    key: ObjectKey
    object: Resource
    origin: Origin
    version: str


class Change(NamedTuple):
    """`old` None: added; `new` None: deleted."""

    key: ObjectKey
    old: Stored | None
    new: Stored | None


class Keeper(Protocol):
    """Where sources put what they find; see `ostria.config.store`."""

    def get(self, key: ObjectKey) -> Stored | None: ...
    def apply(self, changes: Iterable[Change]) -> None: ...


def stored(resource: Resource, origin: Origin) -> Stored:
    return Stored(key_of(resource), resource, origin, content_version(resource))
