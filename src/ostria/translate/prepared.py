"""A finished resource: serialized once, named by its content, shared by every proxy that sees the same world."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from ostria.api.meta import ObjectKey


class Serializable(Protocol):
    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


def content_version(data: bytes) -> str:
    """Equal content, equal version, in every process: 16 hexadecimal digits."""
    return blake2b(data, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Prepared:
    """One xDS resource as bytes. `body` is the message itself; the type URL is known to who holds it."""

    name: str
    body: bytes
    version: str
    origins: tuple[ObjectKey, ...]
    """The objects (and rules) that made it, for provenance; file and line are looked up when asked for."""
    requires: tuple[tuple[str, str], ...] = ()
    """(type URL, name) of resources that it names; checked by the snapshot and used to order removals."""


def prepare(name: str, message: Serializable, origins: tuple[ObjectKey, ...], requires: tuple[tuple[str, str], ...] = ()) -> Prepared:
    body = message.SerializeToString(deterministic=True)
    return Prepared(name, body, content_version(body), origins, requires)


@dataclass(frozen=True, slots=True, eq=False)
class ResourceSet:
    """All resources of one type that one proxy may have: a large part shared by a view, and a small part of its own.

    Sets are compared by identity: the translator keeps the old set when nothing in it changed.
    """

    type_url: str
    shared: Mapping[str, Prepared]
    own: Mapping[str, Prepared] = field(default_factory=dict)

    def get(self, name: str) -> Prepared | None:
        return self.own.get(name) or self.shared.get(name)

    def __iter__(self) -> Iterator[Prepared]:
        yield from self.shared.values()
        yield from self.own.values()

    def __len__(self) -> int:
        return len(self.shared) + len(self.own)
