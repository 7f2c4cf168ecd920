"""A finished resource: serialized once, named by its content, shared by every proxy that sees the same world."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, Protocol, Self

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


class Choice(NamedTuple):
    """What a proxy that discovers on demand is given of an offer.

    `answers` tells for each name asked for (CONFIGURATION/AUTHORITY) which of `hosts` serves it; names that nothing serves are not in it.
    """

    clusters: Mapping[str, Prepared]
    hosts: Mapping[str, Prepared]
    answers: Mapping[str, str]


class Offer(Protocol):
    """What a proxy that discovers on demand may choose from; see `ostria.translate.on_demand`."""

    def choose(self, asked: frozenset[str], clusters: frozenset[str]) -> Choice:
        """`asked` are virtual hosts as Envoy names them, `clusters` are clusters by name: what the proxy has asked for so far."""
        ...

    def answers(self, asked: Iterable[str]) -> Mapping[str, str]:
        """As a choice has them, where the proxy is given everything."""
        ...

    def leaves(self, choice: Choice, older: Self) -> bool:
        """Whether `choice` of an older offer would be chosen just so again; told by a glance, so False is no proof."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ResourceSet:
    """All resources of one type that one proxy may have: a large part shared by a view, and a small part of its own.

    Sets are compared by identity: the translator keeps the old set when nothing in it changed.
    """

    type_url: str
    shared: Mapping[str, Prepared]
    own: Mapping[str, Prepared] = field(default_factory=dict)
    offer: Offer | None = None
    """Set where the proxy gets of `shared` only what it chooses."""

    def get(self, name: str) -> Prepared | None:
        return self.own.get(name) or self.shared.get(name)

    def __iter__(self) -> Iterator[Prepared]:
        yield from self.shared.values()
        yield from self.own.values()

    def __len__(self) -> int:
        return len(self.shared) + len(self.own)
