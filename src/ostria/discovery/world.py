"""What discovery needs to know of the mesh: one small interface in front of a snapshot and its translator."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ostria.snapshot.view import Proxy
from ostria.translate.prepared import ResourceSet


class World(Protocol):
    """The mesh at one version. Everything it gives out is frozen; it is asked from one thread only, where long builds may take their time."""

    @property
    def version(self) -> str:
        """Shown in responses and tools; new with every change."""
        ...

    @property
    def places(self) -> object:
        """The same object in two worlds: what either would complete of a proxy is the same."""
        ...

    def complete(self, proxy: Proxy) -> Proxy:
        """The proxy with what the registry knows about its workload; raise LookupError when the registry contradicts it."""
        ...

    def same(self, held: Sequence[tuple["World", Proxy]]) -> list[bool]:
        """Which proxies, as older worlds completed them, have the very resources that they had there; told by a glance, so False is no proof."""
        ...

    def contents(self, proxy: Proxy, types: tuple[str, ...]) -> Mapping[str, ResourceSet]:
        """Everything of these types that this proxy may have; of each the same object as long as nothing in it changed."""
        ...

    def forget(self, proxy_id: str) -> None:
        """The proxy (its claims' `id`) has no stream any more."""
        ...
