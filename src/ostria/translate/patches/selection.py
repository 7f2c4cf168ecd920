"""The patches that one kind of resource is to be changed by, narrowed from a view's `PatchSet`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.message import Message

from ostria.api.meta import ObjectKey
from ostria.api.networking.envoy_filter import EnvoyConfigObjectPatch
from ostria.snapshot.view import PatchSet
from ostria.translate.built import Built
from ostria.translate.patches import cluster, listener, route
from ostria.translate.patches.entry import Entry
from ostria.translate.patches.value import operation_of, parse, problem_of


class Context(Enum):
    """Which side of which proxy a resource is for."""

    INBOUND = "SIDECAR_INBOUND"
    OUTBOUND = "SIDECAR_OUTBOUND"
    GATEWAY = "GATEWAY"


class Stage(Enum):
    """The resource that patches change, with the places inside it that `applyTo` names."""

    CLUSTER = frozenset({"CLUSTER"})
    LISTENER = frozenset({"LISTENER", "FILTER_CHAIN", "LISTENER_FILTER", "NETWORK_FILTER", "HTTP_FILTER"})
    INBOUND_LISTENER = LISTENER | {"ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"}
    """Carries its route configurations inside."""
    ROUTE = frozenset({"ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"})
    EXTENSION = frozenset({"EXTENSION_CONFIG"})


class Patched(NamedTuple):
    message: Message
    origins: tuple[ObjectKey, ...]
    """The EnvoyFilters that took part."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Equal when the same patches are meant, in the same order, at the same place."""

    stage: Stage
    context: Context
    given: tuple[tuple[ObjectKey, EnvoyConfigObjectPatch], ...]
    ready: tuple[tuple[ObjectKey, EnvoyConfigObjectPatch, Message], ...]
    """Those of `given` that have nothing wrong with them, with their values read."""
    gateway_ports: tuple[tuple[int, int], ...] = ()

    def _identity(self) -> tuple[object, ...]:
        return (self.stage, self.context, self.gateway_ports, *(id(patch) for _, patch in self.given))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patches) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def for_cluster(self, name: str) -> "Patches | None":
        """Those that can mean the outbound cluster of that name; None if there are none, so that it shares its bytes with unpatched views."""
        given = tuple(each for each in self.given if cluster.may_mean(each[1], name))
        if not given:
            return None
        wanted = {id(patch) for _, patch in given}
        return replace(self, given=given, ready=tuple(each for each in self.ready if id(each[1]) in wanted))

    def apply(self, message: Message) -> Patched | None:
        """The message after all patches; None if one of them removes it. A patch that fails on it is passed over."""
        entries = list(self._entries())
        match message:
            case Cluster():
                kept = cluster.patch(message, entries)
            case Listener():
                kept = listener.patch(message, entries)
            case RouteConfiguration():
                kept = route.patch(message, entries, gateway=self.context is Context.GATEWAY, ports=self.gateway_ports)
            case _:
                kept = True
        return Patched(message, tuple(dict.fromkeys(e.owner for e in entries if e.used))) if kept else None

    def added(self) -> Iterator[Built]:
        """Whole resources that ADD brings. Without a context they are for the outbound side and gateways."""
        for entry in self._entries():
            if entry.operation != "ADD" or (entry.anywhere and self.context is Context.INBOUND):
                continue
            if isinstance(entry.value, Cluster | Listener | TypedExtensionConfig) and entry.value.name:
                yield Built(entry.value.name, entry.value, (entry.owner,))

    def _entries(self) -> Iterator[Entry]:
        for owner, patch, value in self.ready:
            yield Entry(owner=owner, patch=patch, operation=operation_of(patch), value=value)


def select(patches: PatchSet, stage: Stage, context: Context, gateway_ports: tuple[tuple[int, int], ...] = ()) -> Patches | None:
    """None where nothing is to be patched, which is the rule."""
    if not patches.patches:
        return None
    given = tuple((owner, patch) for owner, patch in patches.patches if patch.apply_to in stage.value and _meant(patch, context))
    if not given:
        return None
    ready = tuple((owner, patch, parse(patch)) for owner, patch in given if problem_of(patch) is None)
    return Patches(stage, context, given, ready, gateway_ports if stage is Stage.ROUTE else ())


def _meant(patch: EnvoyConfigObjectPatch, context: Context) -> bool:
    wanted = patch.match.context if patch.match is not None else None
    return wanted in (None, "ANY", context.value)
