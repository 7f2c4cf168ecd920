"""Patches of listeners and of everything inside them: listener filters, filter chains, network filters, HTTP filters."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager, HttpFilter

from ostria.translate.filters.proto import pack
from ostria.translate.patches import chains, lists, route
from ostria.translate.patches.cluster import merge_socket
from ostria.translate.patches.entry import Entry
from ostria.translate.patches.merge import merge, merge_any

_HTTP_MANAGER = "envoy.filters.network.http_connection_manager"


def patch(listener: Listener, entries: Sequence[Entry]) -> bool:
    """Change the listener, outside in; False if it is to go."""
    for entry in _at("LISTENER", entries):
        if entry.operation == "ADD" or not chains.listener_matches(listener, entry):
            continue
        entry.used = True
        if entry.operation == "REMOVE":
            return False
        merge(listener, entry.value)
    for entry in _at("LISTENER_FILTER", entries):
        if chains.listener_matches(listener, entry):
            _listener_filters(listener, entry)
    _chains(listener, entries)
    return True


def _at(place: str, entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.place == place]


def _listener_filters(listener: Listener, entry: Entry) -> None:
    wanted = entry.listener.listener_filter if entry.listener is not None else None

    def matches(part: ListenerFilter) -> bool:
        return not wanted or part.name == wanted

    if entry.operation != "MERGE":
        lists.rearrange(listener.listener_filters, entry, matches, chosen=bool(wanted))
        return
    for part in listener.listener_filters:
        if wanted and matches(part):
            _lay_over(part, entry)


def _chains(listener: Listener, entries: Sequence[Entry]) -> None:
    kept = [chain for chain in listener.filter_chains if _chain(listener, chain, entries)]
    if len(kept) != len(listener.filter_chains):
        del listener.filter_chains[:]
        listener.filter_chains.extend(kept)
    if listener.HasField("default_filter_chain") and not _chain(listener, listener.default_filter_chain, entries):
        listener.ClearField("default_filter_chain")
    for entry in _at("FILTER_CHAIN", entries):
        if entry.operation == "ADD" and chains.listener_matches(listener, entry) and isinstance(entry.value, FilterChain):
            listener.filter_chains.append(entry.value)
            entry.used = True


def _chain(listener: Listener, chain: FilterChain, entries: Sequence[Entry]) -> bool:
    for entry in _at("FILTER_CHAIN", entries):
        if entry.operation == "ADD" or not chains.matches(listener, chain, entry):
            continue
        entry.used = True
        if entry.operation == "REMOVE":
            return False
        _merge_chain(chain, entry)
    for entry in _at("NETWORK_FILTER", entries):
        if entry.operation != "MERGE" and chains.matches(listener, chain, entry):
            _network_filters(chain, entry)
    for part in chain.filters:
        _inside(listener, chain, part, entries)
    return True


def _merge_chain(chain: FilterChain, entry: Entry) -> None:
    value = entry.value
    if isinstance(value, FilterChain) and value.HasField("transport_socket") and value.transport_socket.name == chain.transport_socket.name:
        with suppress(ValueError):
            merge_socket(chain.transport_socket, value.transport_socket)
        return
    merge(chain, value)


def _network_filters(chain: FilterChain, entry: Entry) -> None:
    lists.rearrange(chain.filters, entry, lambda part: _named(part, entry), chosen=entry.filter is not None)


def _named(part: Filter, entry: Entry) -> bool:
    return entry.filter is None or entry.filter.name == part.name


def _inside(listener: Listener, chain: FilterChain, part: Filter, entries: Sequence[Entry]) -> None:
    for entry in _at("NETWORK_FILTER", entries):
        if entry.operation == "MERGE" and chains.matches(listener, chain, entry) and _named(part, entry):
            _lay_over(part, entry)
    if part.name != _HTTP_MANAGER or not part.HasField("typed_config"):
        return
    http = [e for e in _at("HTTP_FILTER", entries) if chains.matches(listener, chain, e) and _named(part, e)]
    routes = [e for e in entries if e.place in ("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE")]
    if not http and not routes:
        return
    manager = HttpConnectionManager()
    part.typed_config.Unpack(manager)
    _http_filters(manager, http)
    if routes and manager.HasField("route_config"):
        route.patch(manager.route_config, routes, gateway=False, ports=())
    part.typed_config.CopyFrom(pack(manager))


def _http_filters(manager: HttpConnectionManager, entries: Iterable[Entry]) -> None:
    for entry in entries:
        wanted = entry.sub_filter

        def matches(part: HttpFilter, wanted: str | None = wanted) -> bool:
            return wanted is None or part.name == wanted

        if entry.operation != "MERGE":
            lists.rearrange(manager.http_filters, entry, matches, chosen=wanted is not None)
            continue
        for part in manager.http_filters:
            if matches(part):
                _lay_over(part, entry)


def _lay_over(part: Any, entry: Entry) -> None:
    """Merge into a filter: its name is replaced if the patch has one, its configuration is merged if it is of the same type."""
    value: Any = entry.value
    if not part.HasField("typed_config"):
        return
    entry.used = True
    if value.name:
        part.name = value.name
    if value.HasField("typed_config"):
        # A configuration of another type can't be laid over this one, which then stays.
        with suppress(ValueError):
            merge_any(part.typed_config, value.typed_config)
