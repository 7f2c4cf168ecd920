"""What a proxy refused, in Envoy's words, and which resource of a refused response was to blame.

A refused resource is remembered by its content: the same bytes are never sent to that proxy again, on this stream or the next. When a response
held several and Envoy doesn't say which one was bad, the others get another chance, in halves, so that one bad neighbour costs nobody else.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ostria.api.meta import ObjectKey
from ostria.translate.names import CDS, LDS
from ostria.translate.prepared import Prepared

_KEPT = 20_000
"""More than a proxy holds of one mesh: what is forgotten is sent, and refused, again."""
_LONGEST = 2_000
"""Characters of a proxy's words that are kept with each."""
_CONFLICT = "Only unique values for domains are permitted"
_PARTIAL = re.compile(r"Error adding/updating (cluster|listener)\(s\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One resource that the proxy refused, with the objects that made it."""

    type_url: str
    name: str
    version: str
    origins: tuple[ObjectKey, ...]
    words: str


@dataclass(slots=True)
class Rejections:
    """Everything that one proxy refused; outlives its streams."""

    _known: dict[tuple[str, str, str], Rejection] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._known)

    def __iter__(self) -> Iterator[Rejection]:
        return iter(tuple(self._known.values()))

    def block(self, prepared: Prepared, type_url: str, words: str) -> Rejection:
        found = Rejection(type_url=type_url, name=prepared.name, version=prepared.version, origins=prepared.origins, words=words[:_LONGEST])
        self._known[type_url, prepared.name, prepared.version] = found
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return found

    def blocks(self, prepared: Prepared, type_url: str) -> bool:
        return (type_url, prepared.name, prepared.version) in self._known

    def forget(self, type_url: str) -> None:
        """A proxy that holds nothing is a new process: what its predecessor refused may be fine now (a port that was taken, say)."""
        self._known = {key: value for key, value in self._known.items() if key[0] != type_url}

    def forget_conflicts(self, type_url: str) -> None:
        """What was refused because of its neighbours may be fine beside others."""
        self._known = {key: value for key, value in self._known.items() if key[0] != type_url or _CONFLICT not in value.words}


class Blame(NamedTuple):
    culprits: frozenset[str]
    others_applied: bool
    """Envoy took the rest of the response, removals too; otherwise it has to be sent again."""


def blame(type_url: str, sent: Sequence[Prepared], words: str) -> Blame:
    """Who is to blame for `words`; nobody, when that can't be told yet."""
    partial = type_url in (CDS, LDS) and _PARTIAL.search(words) is not None
    if len(sent) == 1:
        return Blame(frozenset((sent[0].name,)), partial)
    named = frozenset(each.name for each in sent if each.name in words and _mentions(words, each.name, partial))
    return Blame(named, partial and bool(named))


def about(name: str, culprits: frozenset[str], words: str) -> str:
    """The part of `words` that speaks of one of several culprits: Envoy writes `NAME: WORDS`, one after the other. All, where that can't be told."""
    if len(culprits) == 1:
        return words
    own = re.search(rf"(?:^|\s){re.escape(name)}: ", words)
    if own is None:
        return words
    others = (re.search(rf"\n{re.escape(other)}: ", words[own.end() :]) for other in culprits)
    end = min((found.start() for found in others if found), default=None)
    return words[own.end() :][:end].strip()


def _mentions(words: str, name: str, partial: bool) -> bool:
    """`name` stands in `words` as a whole word; a bare number only where Envoy's own form says that it is a name."""
    if partial or name.isdigit():
        return re.search(rf"(?:[\s'\"]|^){re.escape(name)}(?:: |'|\")", words) is not None
    return re.search(rf"(?<![\w|.:/-]){re.escape(name)}(?![\w|/-])(?![.:]\w)", words) is not None
