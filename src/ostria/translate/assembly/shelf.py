"""The resources of one type under their names: what failed keeps its last good version, and no name stands there twice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from ostria.api.meta import ObjectKey
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Failed, Outcome

NOTHING: Final[Mapping[str, Prepared]] = MappingProxyType({})
"""The one empty content."""


class Item(NamedTuple):
    """`origins` are known before anything is built, for messages about what can't be."""

    name: str
    outcome: Outcome
    origins: tuple[ObjectKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A resource that is not as its objects ask: left out, or still in its last good version."""

    type_url: str
    name: str
    origins: tuple[ObjectKey, ...]
    words: str
    kept: bool = False
    """The last good version is served."""


class Shelf:
    """`content` is replaced, never changed; `problems` are those of the content."""

    def __init__(self, type_url: str) -> None:
        self.type_url = type_url
        self.content: Mapping[str, Prepared] = NOTHING
        self.problems: tuple[Problem, ...] = ()
        self._unserved: tuple[Outcome, ...] = ()
        """Held, so that what failed is not tried again while nothing about it changed."""

    def fill(self, items: Iterable[Item | Prepared]) -> Mapping[str, Prepared]:
        """Put `items` in place of what there was; the old mapping comes back if it holds the same. What is made may stand for itself."""
        content: dict[str, Prepared] = {}
        problems: list[Problem] = []
        unserved: list[Outcome] = []
        for item in items:
            outcome = item if isinstance(item, Prepared) else item.outcome
            if isinstance(outcome, Prepared) and content.setdefault(outcome.name, outcome) is outcome:
                continue
            unserved.append(outcome)
            if (problem := self._problem(content, item)) is not None:
                problems.append(problem)
        self.problems, self._unserved = tuple(problems), tuple(unserved)
        if not _same(self.content, content):
            self.content = content
        return self.content

    def replace(self, old: Sequence[Item | Prepared], new: Sequence[Item | Prepared]) -> bool:
        """Put `new` where `old` is, at the price of what is replaced; False, and nothing done, where names or problems ask to fill it anew."""
        made, before = ([item for item in items if isinstance(item, Prepared)] for items in (new, old))
        if self.problems or len(made) < len(new) or [item.name for item in made] != [item.name for item in before]:
            return False
        self.content = {**self.content, **{item.name: item for item in made}}
        return True

    def _problem(self, content: dict[str, Prepared], item: Item | Prepared) -> Problem | None:
        """Of an item that is not in `content`; where it failed, its last good version goes there."""
        match item:
            case Item(outcome=Prepared() as second) | (Prepared() as second):
                first = content[second.name]
                words = "another resource has this name already, from " + (", ".join(map(str, first.origins)) or "the mesh itself")
                return Problem(type_url=self.type_url, name=second.name, origins=second.origins, words=words, kept=True)
            case Item(outcome=Failed(words=words)):
                last = self.content.get(item.name)
                if last is not None:
                    content.setdefault(item.name, last)
                return Problem(type_url=self.type_url, name=item.name, origins=item.origins, words=words, kept=last is not None)
            case _:
                return None


def _same(old: Mapping[str, Prepared], new: Mapping[str, Prepared]) -> bool:
    """Order counts: it is the order in which proxies are told."""
    return len(old) == len(new) and all(a is b for a, b in zip(old.values(), new.values(), strict=True))
