"""A source without files: objects are put and deleted by hand. For tests, and for tools that hold objects already."""

from collections.abc import Iterable

from msgspec import structs

from ostria.api.kinds import BY_TYPE
from ostria.api.meta import ObjectKey, Resource
from ostria.config.stored import Change, Keeper, Origin, Stored, stored


def in_namespace(resource: Resource, namespace: str) -> Resource:
    """The object with its namespace filled in, if it needs one and has none; cluster-wide kinds lose theirs."""
    wanted = (resource.metadata.namespace or namespace) if BY_TYPE[type(resource)].namespaced else ""
    if resource.metadata.namespace == wanted:
        return resource
    return structs.replace(resource, metadata=structs.replace(resource.metadata, namespace=wanted))


class MemorySource:
    """Objects without a namespace go into `namespace`."""

    def __init__(self, store: Keeper, namespace: str = "default") -> None:
        self._store = store
        self._namespace = namespace
        self._puts = 0

    def put(self, *resources: Resource) -> tuple[Stored, ...]:
        """Add or replace objects, in one batch of changes."""
        entries = tuple(self._entry(r) for r in resources)
        self._store.apply(Change(e.key, self._store.get(e.key), e) for e in entries)
        return entries

    def delete(self, keys: Iterable[ObjectKey]) -> None:
        self._store.apply(Change(key, self._store.get(key), None) for key in keys)

    def _entry(self, resource: Resource) -> Stored:
        self._puts += 1
        return stored(in_namespace(resource, self._namespace), Origin("memory", self._puts, 1))
