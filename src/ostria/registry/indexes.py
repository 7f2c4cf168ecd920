"""Indexes that follow changes instead of being rebuilt: objects by labels, selectors by what they select, and tables that freeze cheaply."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LabelIndex(Generic[K]):
    """Things with labels, in namespaces; `find` answers a selector without looking at things that lack its first label."""

    def __init__(self) -> None:
        self._labels: dict[K, tuple[str, Mapping[str, str]]] = {}
        self._by_label: dict[tuple[str, str, str], set[K]] = {}

    def put(self, key: K, namespace: str, labels: Mapping[str, str]) -> None:
        self.drop(key)
        self._labels[key] = (namespace, labels)
        for name, value in labels.items():
            self._by_label.setdefault((namespace, name, value), set()).add(key)

    def drop(self, key: K) -> None:
        namespace, labels = self._labels.pop(key, ("", {}))
        for name, value in labels.items():
            _discard(self._by_label, (namespace, name, value), key)

    def find(self, namespace: str, selector: Mapping[str, str]) -> Iterator[K]:
        """An empty selector finds nothing: that is what Kubernetes does for services."""
        candidates = min(
            (self._by_label.get((namespace, name, value), set()) for name, value in selector.items()), key=len, default=set[K]()
        )
        return (key for key in candidates if selector.items() <= self._labels[key][1].items())


class SelectorIndex(Generic[K]):
    """Selectors in namespaces; `find` answers which of them select given labels."""

    def __init__(self) -> None:
        self._selectors: dict[K, tuple[str, Mapping[str, str]]] = {}
        self._by_label: dict[tuple[str, str, str], set[K]] = {}

    def put(self, key: K, namespace: str, selector: Mapping[str, str]) -> None:
        """An empty selector selects nothing."""
        self.drop(key)
        if selector:
            self._selectors[key] = (namespace, selector)
            self._by_label.setdefault((namespace, *min(selector.items())), set()).add(key)

    def drop(self, key: K) -> None:
        namespace, selector = self._selectors.pop(key, ("", {}))
        if selector:
            _discard(self._by_label, (namespace, *min(selector.items())), key)

    def find(self, namespace: str, labels: Mapping[str, str]) -> Iterator[K]:
        for name, value in labels.items():
            for key in self._by_label.get((namespace, name, value), ()):
                if self._selectors[key][1].items() <= labels.items():
                    yield key


class Multimap(Generic[K, V]):
    """Sets of values under keys; empty sets go."""

    def __init__(self) -> None:
        self._sets: dict[K, set[V]] = {}

    def add(self, key: K, value: V) -> None:
        self._sets.setdefault(key, set()).add(value)

    def discard(self, key: K, value: V) -> None:
        _discard(self._sets, key, value)

    def get(self, key: K) -> frozenset[V] | set[V]:
        return self._sets.get(key, frozenset())


class Table(Generic[K, V]):
    """A dictionary that changes in place and can be frozen: the frozen copy stays the same object until something changes."""

    def __init__(self) -> None:
        self._live: dict[K, V] = {}
        self._frozen: Mapping[K, V] | None = None

    def put(self, key: K, value: V | None) -> bool:
        """Store `value`, or drop the key for None; whether that changed anything (by identity)."""
        if self._live.get(key) is value:
            return False
        self._frozen = None
        if value is None:
            del self._live[key]
        else:
            self._live[key] = value
        return True

    def get(self, key: K) -> V | None:
        return self._live.get(key)

    def freeze(self) -> Mapping[K, V]:
        if self._frozen is None:
            self._frozen = self._live.copy()
        return self._frozen


def _discard(sets: dict[K, set[V]], key: K, value: V) -> None:
    if (found := sets.get(key)) is not None:
        found.discard(value)
        if not found:
            del sets[key]
