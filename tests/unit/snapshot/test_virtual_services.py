"""VirtualServices as a view sees them."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.snapshot.yamls import virtual_service
from tests.unit.world import Village, host, pod, service

from ostria.registry import visibility
from ostria.snapshot.view import ResolvedVirtualService
from ostria.snapshot.virtual_services import Bound

_TOWN = (
    service("web", ("http", 80))
    + service("reviews", ("http", 80))
    + pod("web-1", "10.0.0.1")
    + pod("reviews-1", "10.0.0.2")
    + pod("far-1", "10.0.0.3", "far")
)
_TO_REVIEWS = "http: [{route: [{destination: {host: reviews}}]}]"


def _seen(village: Village, who: str = "web-1", namespace: str = "default") -> tuple[ResolvedVirtualService, ...]:
    (listener,) = village.view(who, namespace).egress
    return listener.virtual_services


def test_short_names_mean_the_objects_own_namespace() -> None:
    (vs,) = _seen(Village(_TOWN + virtual_service("v", f"hosts: [Reviews], {_TO_REVIEWS}")), "far-1", "far")
    assert vs.spec.hosts == (host("reviews"),)
    assert vs.spec.gateways == ("mesh",)
    assert vs.spec.http[0].route[0].destination.host == host("reviews")


def test_gateway_names_get_their_namespace() -> None:
    village = Village(
        _TOWN
        + virtual_service("v", f"hosts: [a.com], gateways: [one, ./two, infra/three, four.old.svc.cluster.local, mesh], {_TO_REVIEWS}")
    )
    (vs,) = _seen(village)
    assert vs.spec.gateways == ("default/one", "default/two", "infra/three", "old/four", "mesh")


def test_one_that_is_bound_to_gateways_only_is_not_for_sidecars() -> None:
    assert _seen(Village(_TOWN + virtual_service("v", f"hosts: [a.com], gateways: [gw], {_TO_REVIEWS}"))) == ()


def test_export_to_decides_who_sees_it() -> None:
    village = Village(_TOWN + virtual_service("v", f"hosts: [reviews], exportTo: [.], {_TO_REVIEWS}"))
    assert len(_seen(village)) == 1
    assert _seen(village, "far-1", "far") == ()
    village.put(virtual_service("v", f"hosts: [reviews], {_TO_REVIEWS}"))
    assert len(_seen(village, "far-1", "far")) == 1
    village.set_mesh(defaultVirtualServiceExportTo=["."])
    assert _seen(village, "far-1", "far") == ()


_EXPORTS = st.frozensets(st.sampled_from(("a", "b", "c", "*")), max_size=3)


@given(st.lists(_EXPORTS, max_size=8))
def test_a_namespace_sees_what_is_exported_to_it_in_order_of_age(exports: list[frozenset[str]]) -> None:
    bound = [(cast("ResolvedVirtualService", number), export_to) for number, export_to in enumerate(exports)]
    for namespace in ("a", "b", "elsewhere"):
        expected = tuple(vs for vs, export_to in bound if visibility.sees(namespace, export_to))
        assert Bound(bound).seen_from(namespace) == expected


def test_in_the_mesh_only_the_oldest_of_a_host_counts_and_the_younger_is_reported() -> None:
    village = Village(
        _TOWN
        + virtual_service("young", f"hosts: [reviews, web], {_TO_REVIEWS}", created="2024-01-02T00:00:00Z")
        + virtual_service("old", f"hosts: [reviews], {_TO_REVIEWS}", created="2024-01-01T00:00:00Z")
    )
    assert [(vs.owner.name, vs.spec.hosts) for vs in _seen(village)] == [("old", (host("reviews"),)), ("young", (host("web"),))]
    (report,) = village.snapshot.dangling()
    assert (report.kind, report.owner.name, report.name) == ("shadowed", "young", host("reviews"))


def test_routes_for_other_clients_are_gone_and_the_rest_is_shared() -> None:
    routes = "http: [{match: [{sourceLabels: {app: web}}], route: [{destination: {host: web}}]}, {match: [{sourceNamespace: far}], route: [{destination: {host: a}}]}, {route: [{destination: {host: reviews}}]}]"
    village = Village(
        _TOWN
        + virtual_service("v", f"hosts: [reviews], {routes}")
        + pod("web-2", "10.0.0.8")
        + virtual_service("w", f"hosts: [web], {_TO_REVIEWS}")
    )
    by_web, by_reviews, by_far = (_seen(village, *who) for who in (("web-1",), ("reviews-1",), ("far-1", "far")))
    assert [len(seen[0].spec.http) for seen in (by_web, by_reviews, by_far)] == [2, 1, 2]
    assert by_web[0] is _seen(village, "web-2")[0]
    assert by_web[1] is by_reviews[1] is by_far[1]


def test_matches_for_other_gateways_are_gone() -> None:
    routes = "http: [{match: [{gateways: [gw], uri: {prefix: /}}, {uri: {prefix: /in}}], route: [{destination: {host: web}}]}]"
    (vs,) = _seen(Village(_TOWN + virtual_service("v", f"hosts: [reviews], gateways: [mesh, gw], {routes}")))
    assert [m.uri.prefix for m in vs.spec.http[0].match if m.uri] == ["/in"]


def test_a_delegate_adds_its_routes_in_its_own_names() -> None:
    leaf = virtual_service("leaf", "http: [{name: l, match: [{uri: {prefix: /a/b}}], route: [{destination: {host: reviews}}]}]", "far")
    root = "hosts: [web], http: [{name: r, timeout: 3s, match: [{uri: {prefix: /a}, headers: {x: {exact: '1'}}}], delegate: {name: leaf, namespace: far}}, {route: [{destination: {host: web}}]}]"
    village = Village(_TOWN + leaf + virtual_service("root", root))
    joined, own = _seen(village)[0].spec.http
    assert (joined.name, joined.route[0].destination.host, joined.delegate) == ("r-l", host("reviews", "far"), None)
    assert joined.match[0].uri is not None
    assert (joined.match[0].uri.prefix, set(joined.match[0].headers)) == ("/a/b", {"x"})
    assert joined.timeout is not None
    assert own.route[0].destination.host == host("web")


def test_a_delegate_that_contradicts_its_root_adds_nothing() -> None:
    leaf = virtual_service("leaf", "http: [{match: [{uri: {prefix: /other}}], route: [{destination: {host: reviews}}]}]")
    village = Village(
        _TOWN + leaf + virtual_service("root", "hosts: [web], http: [{match: [{uri: {prefix: /a}}], delegate: {name: leaf}}]")
    )
    assert _seen(village)[0].spec.http == ()


def test_a_delegate_must_exist_and_be_exported_to_its_root() -> None:
    root = virtual_service("root", "hosts: [web], http: [{delegate: {name: leaf, namespace: far}}]")
    leaf = "http: [{route: [{destination: {host: web}}]}]"
    village = Village(_TOWN + root)
    assert [d.kind for d in village.snapshot.dangling()] == ["delegate"]
    village.put(virtual_service("leaf", f"exportTo: [.], {leaf}", "far"))
    assert [d.kind for d in village.snapshot.dangling()] == ["delegate"]
    village.put(virtual_service("leaf", leaf, "far"))
    assert len(_seen(village)[0].spec.http) == 1


def test_a_change_of_one_leaves_the_others_the_same_objects() -> None:
    village = Village(
        _TOWN + virtual_service("v", f"hosts: [reviews], {_TO_REVIEWS}") + virtual_service("w", f"hosts: [web], {_TO_REVIEWS}")
    )
    before = _seen(village)
    village.put(virtual_service("w", "hosts: [web], http: [{timeout: 1s, route: [{destination: {host: reviews}}]}]"))
    after = _seen(village)
    assert (after[0] is before[0], after[1] is before[1]) == (True, False)
