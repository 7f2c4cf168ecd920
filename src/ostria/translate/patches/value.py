"""A patch's value as the message that it shall be.

Values are written as JSON of Envoy's own types, so they are read strictly: a field that Envoy doesn't know is a mistake worth saying, and the
patch is left out. The types of extensions (`@type`) are loaded when a patch first names them.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf import json_format
from google.protobuf.message import Message

from ostria.api.networking.envoy_filter import EnvoyConfigObjectPatch

_SHAPES: Final[Mapping[str, type[Message]]] = {
    "CLUSTER": Cluster,
    "LISTENER": Listener,
    "FILTER_CHAIN": FilterChain,
    "LISTENER_FILTER": ListenerFilter,
    "NETWORK_FILTER": Filter,
    "HTTP_FILTER": HttpFilter,
    "ROUTE_CONFIGURATION": RouteConfiguration,
    "VIRTUAL_HOST": VirtualHost,
    "HTTP_ROUTE": Route,
    "EXTENSION_CONFIG": TypedExtensionConfig,
}
_OPERATIONS: Final[Mapping[str, frozenset[str]]] = {
    "CLUSTER": frozenset({"ADD", "REMOVE", "MERGE", "MERGE_AND_REPLACE_LIST"}),
    "LISTENER": frozenset({"ADD", "REMOVE", "MERGE"}),
    "FILTER_CHAIN": frozenset({"ADD", "REMOVE", "MERGE"}),
    "LISTENER_FILTER": frozenset({"ADD", "REMOVE", "MERGE", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER", "REPLACE"}),
    "NETWORK_FILTER": frozenset({"ADD", "REMOVE", "MERGE", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER", "REPLACE"}),
    "HTTP_FILTER": frozenset({"ADD", "REMOVE", "MERGE", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER", "REPLACE"}),
    "ROUTE_CONFIGURATION": frozenset({"MERGE"}),
    "VIRTUAL_HOST": frozenset({"ADD", "REMOVE", "MERGE", "REPLACE"}),
    "HTTP_ROUTE": frozenset({"ADD", "REMOVE", "MERGE", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER"}),
    "EXTENSION_CONFIG": frozenset({"ADD"}),
}


def problem_of(patch: EnvoyConfigObjectPatch) -> str | None:
    """What is wrong with a patch, before it meets any resource; None if nothing is."""
    place = patch.apply_to or "INVALID"
    operation = operation_of(patch)
    if place == "BOOTSTRAP":
        return "applyTo BOOTSTRAP is not supported: a proxy's bootstrap is made where the proxy starts, before it asks the control plane"
    if place not in _SHAPES:
        return f"applyTo {place} is not a place that can be patched"
    if operation not in _OPERATIONS[place]:
        return f"operation {operation} does nothing to {place}; use one of {', '.join(sorted(_OPERATIONS[place]))}"
    try:
        message = parse(patch)
    except ValueError as error:
        return str(error)
    if operation != "REMOVE" and not message.ListFields():
        return "the patch has no value"
    return None


def operation_of(patch: EnvoyConfigObjectPatch) -> str:
    return (patch.patch.operation if patch.patch is not None else None) or "INVALID"


def parse(patch: EnvoyConfigObjectPatch) -> Message:
    """Raise ValueError with the field that is wrong."""
    shape = _SHAPES[patch.apply_to or ""]
    value = patch.patch.value if patch.patch is not None else {}
    for url in _types(value):
        _load(url.rpartition("/")[2])
    message = shape()
    try:
        json_format.ParseDict(value, message)
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise ValueError(f"the value is not a {shape.DESCRIPTOR.full_name}: {error}") from error
    return message


def _types(value: object) -> Iterator[str]:
    match value:
        case Mapping():
            if isinstance(url := value.get("@type"), str):
                yield url
            for inner in value.values():
                yield from _types(inner)
        case list() | tuple():
            for inner in value:
                yield from _types(inner)


@cache
def _load(full_name: str) -> None:
    """Import the modules of the package that defines a message, so that protobuf knows it."""
    package = full_name.rpartition(".")[0]
    try:
        parent = import_module(package)
    except ModuleNotFoundError:
        return
    for module in iter_modules(parent.__path__, f"{package}."):
        if module.name.endswith("_pb2"):
            import_module(module.name)
