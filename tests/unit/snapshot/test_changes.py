"""A change costs what it touches: everything else stays the same object."""

from tests.unit.snapshot.yamls import destination_rule, gateway, virtual_service
from tests.unit.world import Village, host, pod, service

_TOWN = service("web", ("http", 80)) + service("reviews", ("http", 80)) + pod("web-1", "10.0.0.1") + pod("reviews-1", "10.0.0.2")


def test_an_endpoint_that_moves_takes_the_fast_lane() -> None:
    village = Village(_TOWN)
    before = village.view("web-1")
    web, reviews = (before.service(host(name)) for name in ("web", "reviews"))
    assert web is not None
    assert reviews is not None
    village.put(pod("reviews-2", "10.0.0.3"))
    changed = village.snapshot.changed
    assert (changed.endpoints_only, changed.endpoints, changed.accounts) == (True, {host("reviews")}, frozenset())
    after = village.view("web-1")
    assert after is not before
    assert after.shape is before.shape  # type: ignore[attr-defined]
    assert after.endpoints(web, web.ports[0]) is before.endpoints(web, web.ports[0])
    assert len(after.endpoints(reviews, reviews.ports[0]).endpoints) == 2


def test_another_identity_behind_a_service_changes_clusters_too() -> None:
    village = Village(_TOWN)
    village.put(pod("reviews-2", "10.0.0.3", account="robot"))
    assert village.snapshot.changed.accounts == {host("reviews")}
    assert not village.snapshot.changed.endpoints_only


def test_what_no_proxy_sees_changes_nothing() -> None:
    village = Village(_TOWN)
    view, inbound = village.view("web-1"), village.inbound("web-1")
    village.put("{apiVersion: v1, kind: ServiceAccount, metadata: {name: x}}")
    assert (village.view("web-1") is view, village.inbound("web-1") is inbound) == (True, True)
    assert village.snapshot.changed.configs == frozenset()


def test_a_service_account_annotation_alone_is_no_endpoint_change() -> None:
    village = Village(_TOWN)
    view = village.view("web-1")
    village.put(pod("reviews-1", "10.0.0.2", annotations={"note": "x"}))
    assert village.snapshot.changed.endpoints == frozenset()
    assert village.view("web-1") is view


def test_routes_and_rules_that_are_not_seen_leave_a_view_alone() -> None:
    village = Village(_TOWN)
    view = village.view("web-1")
    village.put(virtual_service("v", "hosts: [web], exportTo: [far], http: [{route: [{destination: {host: web}}]}]", "far"))
    village.put(destination_rule("r", "host: else.com"))
    village.put(gateway("g", "selector: {a: b}, servers: []"))
    assert village.view("web-1") is view


def test_the_mesh_settings_change_everything_once() -> None:
    village = Village(_TOWN)
    view = village.view("web-1")
    village.set_mesh(trustDomain="other.example")
    assert village.snapshot.changed.everything
    assert village.view("web-1") is not view
    found = village.snapshot.world.endpoints[host("reviews"), village.proxy("web-1").namespace][80]
    assert found.accounts == {"spiffe://other.example/ns/default/sa/default"}
    village.set_mesh(trustDomain="other.example")
    assert not village.snapshot.changed.everything
