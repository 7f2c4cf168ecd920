"""Work done once for all proxies that see the same world: differences between two sets, joined entries, subscribed names.

Differences and choices are keyed by the identity of objects that are one per content (`ResourceSet.shared`, interned name sets), so a look-up
costs the same however large they are; joined bytes by the resources in them, so that views which agree on a type share them. What no proxy used since the world before last is dropped: old worlds are not kept alive.
"""

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

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
    """A memo keyed by identities, of tuples by those of their elements; what isn't used between two calls of `advance` is forgotten at the second."""

    def __init__(self) -> None:
        self._young: dict[tuple[object, ...], tuple[tuple[object, ...], Made]] = {}
        self._old: dict[tuple[object, ...], tuple[tuple[object, ...], Made]] = {}

    def get(self, subjects: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """`subjects` are compared by identity, except strings and tuples; the memo keeps them alive, so that identities stay theirs."""
        key = tuple(subject if type(subject) in (str, tuple) else id(subject) for subject in subjects)
        found = self._young.get(key) or self._old.get(key)
        if found is None:
            found = (subjects, make())
        self._young[key] = found
        return found[1]

    def advance(self) -> None:
        self._old, self._young = self._young, {}


GroupOf = Callable[[str], str]
"""The group that a name belongs to."""


class Shared:
    """What all streams of a server share."""

    def __init__(self) -> None:
        self._differences: Generations[Difference] = Generations()
        self._chosen: Generations[tuple[Prepared, ...]] = Generations()
        self._entries: Generations[bytes] = Generations()
        self._groups: Generations[frozenset[str]] = Generations()
        self._names: dict[frozenset[str], frozenset[str]] = {}

    def advance(self) -> None:
        """A new world begins."""
        for memo in (self._differences, self._chosen, self._entries, self._groups):
            memo.advance()

    def intern(self, names: frozenset[str]) -> frozenset[str]:
        """The one object for equal sets of names. Bounded: an evicted set only loses sharing, not meaning."""
        known = self._names.setdefault(names, names)
        if len(self._names) > _KEPT_NAME_SETS:
            del self._names[next(iter(self._names))]
        return known

    def difference(self, old: Content, new: Content) -> Difference:
        return self._differences.get((old, new), lambda: difference(old, new))

    def chosen(self, content: Content, names: frozenset[str] | None) -> tuple[Prepared, ...]:
        """The resources of `content` under `names` (None: all), in the order of `content`."""
        if names is None:
            return self._chosen.get((content, None), lambda: tuple(content.values()))
        return self._chosen.get((content, names), lambda: tuple(content[name] for name in sorted(names) if name in content))

    def changed(self, difference: Difference, names: frozenset[str]) -> tuple[Prepared, ...]:
        return self._chosen.get((difference, names), lambda: tuple(each for each in difference.changed if each.name in names))

    # Where names are asked for in groups

    def members(self, content: Content, groups: frozenset[str], group_of: GroupOf) -> tuple[Prepared, ...]:
        """The resources of `content` in `groups`, in the order of `content`."""
        return self._chosen.get(
            (content, groups, group_of), lambda: tuple(each for name, each in content.items() if group_of(name) in groups)
        )

    def changed_members(self, difference: Difference, groups: frozenset[str], group_of: GroupOf) -> tuple[Prepared, ...]:
        return self._chosen.get(
            (difference, groups, group_of), lambda: tuple(each for each in difference.changed if group_of(each.name) in groups)
        )

    def groups(self, content: Content, group_of: GroupOf) -> frozenset[str]:
        """Those that have members."""
        return self._groups.get((content, group_of), lambda: frozenset(map(group_of, content)))

    def entries(
        self, variant: str, resources: tuple[Prepared, ...], type_url: str, join: Callable[[tuple[Prepared, ...], str], bytes]
    ) -> bytes:
        """The joined bytes. Tuples of the same resources share them: many views differ in a few types only, and joined bytes are large."""
        return self._entries.get((variant, type_url, resources), lambda: join(resources, type_url))


_KEPT_NAME_SETS = 1024
