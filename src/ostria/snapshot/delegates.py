"""Delegation: a root VirtualService hands routes to VirtualServices without hosts, and what they add up to.

Both sides' conditions must hold, so they are joined; a pair that can never hold together is left out, as Istio does, and so is a route with a condition
that lies outside of all of the root's. What a delegate's route says wins over the root's route.
"""

from collections.abc import Callable, Iterator, Mapping

from msgspec import structs

from ostria.api.networking.virtual_service import HeaderOperations, Headers, HTTPMatchRequest, HTTPRoute, StringMatch

Lookup = Callable[[str, str], tuple[HTTPRoute, ...] | None]
"""(namespace, name) → the spelled out HTTP routes of a delegate that the root may use."""

_INHERITED = (
    *("redirect", "direct_response", "rewrite", "timeout", "retries", "fault"),
    *("mirror", "mirror_percent", "mirror_percentage", "mirrors", "cors_policy"),
)


def merged(routes: tuple[HTTPRoute, ...], namespace: str, lookup: Lookup) -> tuple[tuple[int, HTTPRoute], ...]:
    """The routes of a root in `namespace`, with those of its delegates in their places, each with the index of the root's route.

    A missing delegate's route is left out.
    """
    return tuple(_expanded(routes, namespace, lookup))


def _expanded(routes: tuple[HTTPRoute, ...], namespace: str, lookup: Lookup) -> Iterator[tuple[int, HTTPRoute]]:
    for index, root in enumerate(routes):
        if root.delegate is None:
            yield index, root
            continue
        for leaf in lookup(root.delegate.namespace or namespace, root.delegate.name or "") or ():
            # A delegate's own delegate is not followed: Istio knows one level only.
            if leaf.delegate is None and (joined := _joined(root, leaf)) is not None:
                yield index, joined


def _joined(root: HTTPRoute, leaf: HTTPRoute) -> HTTPRoute | None:
    match = _matches(root.match, leaf.match)
    if match is None:
        return None
    inherited = {name: getattr(leaf, name) or getattr(root, name) for name in _INHERITED}
    return structs.replace(leaf, name=_name(root.name, leaf.name), match=match, headers=_headers(root.headers, leaf.headers), **inherited)


def _name(root: str | None, leaf: str | None) -> str | None:
    return f"{root}-{leaf}" if root and leaf else root or leaf


def _matches(roots: tuple[HTTPMatchRequest, ...], leaves: tuple[HTTPMatchRequest, ...]) -> tuple[HTTPMatchRequest, ...] | None:
    """None if one of the leaf's conditions fits none of the root's: the leaf asks for more than it was given."""
    if not roots or not leaves:
        return roots or leaves
    joined = [[_match(root, leaf) for root in roots if not _conflict(root, leaf)] for leaf in leaves]
    return tuple(match for of_leaf in joined for match in of_leaf) if all(joined) else None


def _match(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> HTTPMatchRequest:
    return structs.replace(
        leaf,
        name=_name(root.name, leaf.name),
        uri=leaf.uri or root.uri,
        scheme=leaf.scheme or root.scheme,
        method=leaf.method or root.method,
        authority=leaf.authority or root.authority,
        headers={**root.headers, **leaf.headers},
        without_headers={**root.without_headers, **leaf.without_headers},
        query_params={**root.query_params, **leaf.query_params},
        port=leaf.port or root.port,
        source_labels={**root.source_labels, **leaf.source_labels},
        source_namespace=leaf.source_namespace or root.source_namespace,
        gateways=root.gateways or leaf.gateways,
        stat_prefix=leaf.stat_prefix or root.stat_prefix,
    )


def _conflict(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    pairs = ((root.uri, leaf.uri), (root.scheme, leaf.scheme), (root.method, leaf.method), (root.authority, leaf.authority))
    return (
        any(_differ(a, b) for a, b in pairs)
        or _any_differ(root.headers, leaf.headers)
        or _any_differ(root.without_headers, leaf.without_headers)
        or _any_differ(root.query_params, leaf.query_params)
        or bool(root.ignore_uri_case) != bool(leaf.ignore_uri_case)
        or bool(root.port and leaf.port and root.port != leaf.port)
        or any(root.source_labels.get(name, value) != value for name, value in leaf.source_labels.items())
        or bool(root.source_namespace and leaf.source_namespace and root.source_namespace != leaf.source_namespace)
    )


def _any_differ(root: Mapping[str, StringMatch], leaf: Mapping[str, StringMatch]) -> bool:
    return any(_differ(root.get(name), match) for name, match in leaf.items())


def _differ(root: StringMatch | None, leaf: StringMatch | None) -> bool:
    """Whether the leaf's condition may hold where the root's does not. Two regular expressions can't be compared, so they differ."""
    if root is None or leaf is None:
        return False
    if root.exact:
        return leaf.exact != root.exact
    if root.prefix and not leaf.regex:
        return not (leaf.prefix or leaf.exact or "").startswith(root.prefix)
    return True


def _headers(root: Headers | None, leaf: Headers | None) -> Headers | None:
    if root is None or leaf is None:
        return leaf or root
    return Headers(request=_operations(root.request, leaf.request), response=_operations(root.response, leaf.response))


def _operations(root: HeaderOperations | None, leaf: HeaderOperations | None) -> HeaderOperations | None:
    if root is None or leaf is None:
        return leaf or root
    return HeaderOperations(
        set={**root.set, **leaf.set}, add={**root.add, **leaf.add}, remove=tuple(dict.fromkeys((*root.remove, *leaf.remove)))
    )
