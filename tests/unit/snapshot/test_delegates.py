"""When two conditions can hold together."""

import pytest

from ostria.api.networking.virtual_service import Delegate, HTTPMatchRequest, HTTPRoute, StringMatch
from ostria.snapshot.delegates import merged


def _uri(kind: str, value: str) -> HTTPMatchRequest:
    return HTTPMatchRequest(uri=StringMatch(**{kind: value}))


@pytest.mark.parametrize(
    ("root", "leaf", "together"),
    [
        (("exact", "/a"), ("exact", "/a"), True),
        (("exact", "/a"), ("exact", "/b"), False),
        (("exact", "/a"), ("prefix", "/a"), False),
        (("prefix", "/a"), ("prefix", "/a/b"), True),
        (("prefix", "/a/b"), ("prefix", "/a"), False),
        (("prefix", "/a"), ("exact", "/a/b"), True),
        (("prefix", "/a"), ("exact", "/b"), False),
        (("regex", "/a.*"), ("prefix", "/a"), False),
        (("prefix", "/a"), ("regex", "/a.*"), False),
    ],
)
def test_a_leafs_path_must_lie_within_its_roots(root: tuple[str, str], leaf: tuple[str, str], together: bool) -> None:
    routes = merged(
        (HTTPRoute(match=(_uri(*root),), delegate=Delegate(name="leaf")),), "ns", lambda ns, name: (HTTPRoute(match=(_uri(*leaf),)),)
    )
    assert bool(routes) == together


def test_a_leaf_that_asks_for_more_than_its_root_gives_is_left_out_whole() -> None:
    def delegated(*leaf: HTTPMatchRequest) -> list[str | None]:
        root = HTTPRoute(match=(_uri("prefix", "/a"), _uri("prefix", "/b")), delegate=Delegate(name="leaf"))
        found = merged((root,), "ns", lambda ns, name: (HTTPRoute(match=leaf),))
        return [match.uri.prefix for _, route in found for match in route.match if match.uri]

    assert delegated(_uri("prefix", "/b/1"), _uri("prefix", "/a/1")) == ["/b/1", "/a/1"]
    assert delegated(_uri("prefix", "/a/1"), _uri("prefix", "/c")) == []


def test_a_root_without_conditions_takes_all_of_the_leaf() -> None:
    routes = merged(
        (HTTPRoute(delegate=Delegate(name="leaf")),), "ns", lambda ns, name: (HTTPRoute(match=(_uri("regex", "x"),)), HTTPRoute())
    )
    assert [(index, len(r.match)) for index, r in routes] == [(0, 1), (0, 0)]


def test_a_leafs_own_delegate_is_not_followed() -> None:
    assert merged((HTTPRoute(delegate=Delegate(name="leaf")),), "ns", lambda ns, name: (HTTPRoute(delegate=Delegate(name="more")),)) == ()
