"""EndpointSlices (and Endpoints) as they are now, found by their service and by whom they name."""

from collections.abc import Iterator

from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.endpoints import Endpoints
from ostria.api.meta import ObjectKey, Resource
from ostria.registry import kubernetes_endpoints
from ostria.registry.indexes import Multimap


class SliceState:
    def __init__(self) -> None:
        self._slices: dict[ObjectKey, tuple[ObjectKey, tuple[EndpointSlice, ...]]] = {}
        self._of: Multimap[ObjectKey, ObjectKey] = Multimap()
        self._naming: Multimap[str, ObjectKey] = Multimap()

    def put(self, key: ObjectKey, new: Resource | None) -> Iterator[ObjectKey]:
        """Take a slice's new content; gives the services whose endpoints may have changed."""
        if (old := self._slices.pop(key, None)) is not None:
            self._of.discard(old[0], key)
            for name in _names(old[1]):
                self._naming.discard(name, key)
            yield old[0]
        if (found := _pieces(key, new)) is not None:
            self._slices[key] = found
            self._of.add(found[0], key)
            for name in _names(found[1]):
                self._naming.add(name, key)
            yield found[0]

    def behind(self, service: ObjectKey) -> Iterator[EndpointSlice]:
        """Its EndpointSlices; Endpoints count only where there are none, since Kubernetes mirrors one to the other."""
        keys = sorted(self._of.get(service))
        newer = [key for key in keys if key.kind == "EndpointSlice"]
        for key in newer or keys:
            yield from self._slices[key][1]

    def services_naming(self, name: str) -> Iterator[ObjectKey]:
        """The services whose slices name an address, or a pod as NAMESPACE/NAME."""
        return (self._slices[key][0] for key in self._naming.get(name))


def _names(pieces: tuple[EndpointSlice, ...]) -> set[str]:
    return {name for piece in pieces for name in kubernetes_endpoints.names_in(piece)}


def _pieces(key: ObjectKey, new: Resource | None) -> tuple[ObjectKey, tuple[EndpointSlice, ...]] | None:
    match new:
        case EndpointSlice() as piece:
            name = piece.metadata.labels.get("kubernetes.io/service-name")
            return (ObjectKey("Service", key.namespace, name), (piece,)) if name else None
        case Endpoints() as endpoints:
            return ObjectKey("Service", key.namespace, key.name), tuple(kubernetes_endpoints.as_slice(endpoints))
        case _:
            return None
