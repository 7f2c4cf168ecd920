"""The resources of one type under their names: what failed keeps its last good version, and no name stands there twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from ostria.api.meta import ObjectKey
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Failed, Outcome, Removed

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
        self._items: tuple[Item, ...] = ()

    def fill(self, items: Iterable[Item]) -> Mapping[str, Prepared]:
        """Put `items` in place of what there was; the old mapping comes back if it holds the same."""
        self._items = tuple(items)
        content: dict[str, Prepared] = {}
        problems: list[Problem] = []
        for item in self._items:
            self._put(content, problems, item)
        self.problems = tuple(problems)
        if not _same(self.content, content):
            self.content = content
        return self.content

    def _put(self, content: dict[str, Prepared], problems: list[Problem], item: Item) -> None:
        match item.outcome:
            case Prepared() as prepared:
                first = content.setdefault(prepared.name, prepared)
                if first is not prepared:
                    words = "another resource has this name already, from " + (", ".join(map(str, first.origins)) or "the mesh itself")
                    problems.append(Problem(type_url=self.type_url, name=prepared.name, origins=prepared.origins, words=words, kept=True))
            case Failed(words=words):
                last = self.content.get(item.name)
                if last is not None:
                    content.setdefault(item.name, last)
                problems.append(Problem(type_url=self.type_url, name=item.name, origins=item.origins, words=words, kept=last is not None))
            case Removed():
                pass


def _same(old: Mapping[str, Prepared], new: Mapping[str, Prepared]) -> bool:
    """Order counts: it is the order in which proxies are told."""
    return len(old) == len(new) and all(a is b for a, b in zip(old.values(), new.values(), strict=True))
