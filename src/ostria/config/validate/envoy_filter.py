"""Rules for EnvoyFilter. Whether a patch's value is Envoy configuration is judged where patches are applied."""

from collections.abc import Iterator

from ostria.api.networking.envoy_filter import EnvoyConfigObjectMatch, EnvoyConfigObjectPatch, EnvoyFilter, ListenerMatch
from ostria.api.problem import Issue
from ostria.config.validate.names import regex_issues, under, warning
from ostria.config.validate.selectors import labels_issues

_LISTENER = frozenset(("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"))
_ROUTE = frozenset(("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"))
_HTTP_MANAGER = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")
_PLACED = ("INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST")
_IN_ORDER = frozenset(("NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER", "HTTP_ROUTE"))


def envoy_filter_issues(envoy_filter: EnvoyFilter) -> Iterator[Issue]:
    spec = envoy_filter.spec
    yield from labels_issues(spec.workload_selector)
    if spec.workload_selector is not None and spec.target_refs:
        yield Issue(("spec", "targetRefs"), "workloadSelector and targetRefs exclude each other")
    for index, patch in enumerate(spec.config_patches):
        yield from under(("spec", "configPatches", index), _patch(patch))


def _patch(patch: EnvoyConfigObjectPatch) -> Iterator[Issue]:
    if patch.apply_to in (None, "INVALID"):
        yield Issue(("applyTo",), "the patch does not say what it applies to", "add applyTo: …")
    if patch.patch is None:
        yield Issue((), "the patch is missing", "add patch: {operation: …, value: {…}}")
    else:
        operation = patch.patch.operation
        if operation in (None, "INVALID"):
            yield Issue(("patch", "operation"), "the patch does not say what to do", "add operation: MERGE, ADD, REMOVE, …")
        if operation != "REMOVE" and not patch.patch.value:
            yield Issue(("patch", "value"), "the patch has no value", "add value: {…}")
        if operation in _PLACED and patch.apply_to not in _IN_ORDER:
            yield warning(
                ("patch", "operation"), f"the order of {patch.apply_to} means nothing; {operation} does nothing here", "write ADD"
            )
        if patch.patch.filter_class not in (None, "UNSPECIFIED") and operation != "ADD":
            yield Issue(("patch", "filterClass"), "filterClass is for the operation ADD")
    if patch.match is not None:
        yield from under(("match",), _match(patch.match, patch.apply_to or ""))


def _match(match: EnvoyConfigObjectMatch, apply_to: str) -> Iterator[Issue]:
    kinds = {
        "listener": match.listener,
        "routeConfiguration": match.route_configuration,
        "cluster": match.cluster,
        "waypoint": match.waypoint,
    }
    given = [name for name, value in kinds.items() if value is not None]
    if len(given) > 1:
        yield Issue((given[1],), f"only one of {' and '.join(given)} may be set")
    fitting = (
        "listener" if apply_to in _LISTENER else "routeConfiguration" if apply_to in _ROUTE else "cluster" if apply_to == "CLUSTER" else ""
    )
    for name in given:
        if fitting and name not in (fitting, "waypoint"):
            yield Issue((name,), f"{apply_to} is not found by a match on {name}", f"match on {fitting}")
    if match.proxy is not None and match.proxy.proxy_version:
        yield from regex_issues(match.proxy.proxy_version, ("proxy", "proxyVersion"))
    if match.listener is not None:
        yield from under(("listener",), _listener(match.listener, apply_to))


def _listener(listener: ListenerMatch, apply_to: str) -> Iterator[Issue]:
    chain = listener.filter_chain
    if chain is None or chain.filter is None:
        return
    if apply_to in ("LISTENER", "FILTER_CHAIN", "LISTENER_FILTER"):
        yield Issue(("filterChain", "filter"), f"{apply_to} is not found by a match on a filter inside it")
    if chain.filter.sub_filter is not None:
        if apply_to != "HTTP_FILTER":
            yield Issue(("filterChain", "filter", "subFilter"), "subFilter is for applyTo: HTTP_FILTER")
        if chain.filter.name not in _HTTP_MANAGER:
            yield Issue(
                ("filterChain", "filter", "name"), "HTTP filters are inside the HTTP connection manager", f"write name: {_HTTP_MANAGER[0]}"
            )
