"""Work done once for all proxies that see the same world: differences between two sets, joined entries, subscribed names.

Differences and choices are keyed by the identity of objects that are one per content (`ResourceSet.shared`, interned name sets), so a look-up
costs the same however large they are; joined bytes by the resources in them, so that views which agree on a type share them. What no proxy used since
the world before last is dropped: old worlds are not kept alive. Where worlds don't change, so is what goes beyond a budget, for every client may ask for
a choice of its own.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from ostria.translate.prepared import Prepared

Content = Mapping[str, Prepared]
Made = TypeVar("Made")


class Difference(NamedTuple):
    changed: tuple[Prepared, ...]
    """New or different, in the new order."""
    removed: tuple[str, ...]


def difference(old: Content, new: Content) -> Difference:
    changed = []
    for name, prepared in new.items():
        before = old.get(name)
        if before is not prepared and (before is None or before.version != prepared.version):
            changed.append(prepared)
    removed = tuple(name for name in old if name not in new) if len(new) - len(changed) < len(old) else ()
    return Difference(tuple(changed), removed)


class Generations(Generic[Made]):
    """A memo keyed by what callers make of identities; what isn't used between two calls of `advance` is forgotten at the second.

    It advances by itself when what came since has more than the `budget` of what `weigh` tells of subjects and result.
    """

    def __init__(self, budget: int = 100_000, weigh: "Callable[[tuple[object, ...], Made], int]" = lambda *_: 1) -> None:
        self._budget, self._weigh, self._weight = budget, weigh, 0
        self._young: dict[Hashable, tuple[tuple[object, ...], Made]] = {}
        self._old: dict[Hashable, tuple[tuple[object, ...], Made]] = {}

    def get(self, key: Hashable, subjects: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """All whose `id` is in the key must be among `subjects`: the memo keeps them alive, so that identities stay theirs."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key) or (subjects, make())
            self._weight += self._weigh(*found)
            if self._weight > self._budget:
                self.advance()
            self._young[key] = found
        return found[1]

    def advance(self) -> None:
        self._old, self._young, self._weight = self._young, {}, 0


_NAMES = 200_000
_BYTES = 128 << 20
"""Beyond any mesh whose proxies are alike; where they are not, only sharing is lost."""


def _names_in(subjects: tuple[object, ...], made: tuple[Prepared, ...]) -> int:
    return 1 + len(made) + sum(len(each) for each in subjects if isinstance(each, frozenset))


GroupOf = Callable[[str], str]
"""The group that a name belongs to."""


class Shared:
    """What all streams of a server share."""

    def __init__(self) -> None:
        self._differences: Generations[Difference] = Generations()
        self._chosen: Generations[tuple[Prepared, ...]] = Generations(_NAMES, _names_in)
        self._entries: Generations[bytes] = Generations(_BYTES, lambda _, made: len(made))
        self._groups: Generations[frozenset[str]] = Generations()
        self._names: WeakValueDictionary[int, frozenset[str]] = WeakValueDictionary()

    def advance(self) -> None:
        """A new world begins."""
        for memo in (self._differences, self._chosen, self._entries, self._groups):
            memo.advance()

    def intern(self, names: frozenset[str]) -> frozenset[str]:
        """The one object for equal sets of names, as long as somebody holds it."""
        known = self._names.setdefault(hash(names), names)
        return known if known == names else names

    def difference(self, old: Content, new: Content) -> Difference:
        return self._differences.get((id(old), id(new)), (old, new), lambda: difference(old, new))

    def chosen(self, content: Content, names: frozenset[str] | None) -> tuple[Prepared, ...]:
        """The resources of `content` under `names` (None: all), in the order of `content`."""
        if names is None:
            return self._chosen.get(("all", id(content)), (content,), lambda: tuple(content.values()))
        return self._chosen.get(
            ("chosen", id(content), id(names)), (content, names), lambda: tuple(content[name] for name in sorted(names) if name in content)
        )

    def changed(self, difference: Difference, names: frozenset[str]) -> tuple[Prepared, ...]:
        return self._chosen.get(
            ("changed", id(difference), id(names)),
            (difference, names),
            lambda: tuple(each for each in difference.changed if each.name in names),
        )

    # Where names are asked for in groups

    def members(self, content: Content, groups: frozenset[str], group_of: GroupOf) -> tuple[Prepared, ...]:
        """The resources of `content` in `groups`, in the order of `content`."""
        return self._chosen.get(
            ("members", id(content), id(groups), group_of),
            (content, groups),
            lambda: tuple(each for name, each in content.items() if group_of(name) in groups),
        )

    def changed_members(self, difference: Difference, groups: frozenset[str], group_of: GroupOf) -> tuple[Prepared, ...]:
        return self._chosen.get(
            ("changed members", id(difference), id(groups), group_of),
            (difference, groups),
            lambda: tuple(each for each in difference.changed if group_of(each.name) in groups),
        )

    def groups(self, content: Content, group_of: GroupOf) -> frozenset[str]:
        """Those that have members."""
        return self._groups.get((id(content), group_of), (content,), lambda: frozenset(map(group_of, content)))

    def entries(
        self, variant: str, resources: tuple[Prepared, ...], type_url: str, join: Callable[[tuple[Prepared, ...], str], bytes]
    ) -> bytes:
        """The joined bytes. Tuples of the same resources share them: many views differ in a few types only, and joined bytes are large."""
        return self._entries.get((variant, type_url, resources), (), lambda: join(resources, type_url))
