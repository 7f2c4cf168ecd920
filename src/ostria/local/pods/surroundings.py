"""What a pod asks the mesh for while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ostria.local.containers.environment import Sources
from ostria.local.pods.sidecars import Sidecar


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Look-ups are in the pod's own namespace."""

    sources: Sources
    service_links: Callable[[], Mapping[str, str]]
    changed: Callable[[], None]
    sidecar: Sidecar | None
    """None: no sidecar; else how it is configured."""
    served: Callable[[], frozenset[int]]
    """The pod's ports that Services lead to."""
