"""meshConfig.discoverySelectors: which namespaces belong to the mesh at all. Objects of the others don't exist for it.

The root namespace always belongs. A namespace's own name counts as its label `kubernetes.io/metadata.name`, as in Kubernetes.
"""

from collections.abc import Iterable, Sequence

from ostria.api.kubernetes.selector import Selector
from ostria.config.store import Change, Store, Stored

_NAME = "kubernetes.io/metadata.name"


class Discovered:
    """The store, seen through the selectors as they were answered when this was made. No selectors: all of it."""

    def __init__(self, store: Store, selectors: Sequence[Selector], root_namespace: str) -> None:
        self._store = store
        self._selectors = selectors
        self._labels = {s.key.name: s.object.metadata.labels for s in store.list("Namespace")} if selectors else {}
        self._answers = {root_namespace: True, "": True}

    def list(self, kind: str) -> Sequence[Stored]:
        every = self._store.list(kind)
        return [s for s in every if self._has(s.key.namespace)] if self._selectors else every

    def changes(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        return tuple(c for c in changes if self._has(c.key.namespace)) if self._selectors else tuple(changes)

    def same_namespaces(self, store: Store, selectors: Sequence[Selector], root_namespace: str) -> bool:
        """Whether it would be made the same again."""
        other = Discovered(store, selectors, root_namespace)
        if selectors is not self._selectors and tuple(selectors) != tuple(self._selectors):
            return False
        names = self._labels.keys() | other._labels.keys() | self._answers.keys()
        return all(self._has(name) == other._has(name) for name in names)

    def _has(self, namespace: str) -> bool:
        if not self._selectors:
            return True
        if (known := self._answers.get(namespace)) is None:
            labels = {_NAME: namespace, **self._labels.get(namespace, {})}
            known = self._answers[namespace] = any(s.matches(labels) for s in self._selectors)
        return known
