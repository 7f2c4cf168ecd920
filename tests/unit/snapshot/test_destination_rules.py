"""Which DestinationRule a client obeys."""

import pytest
from tests.unit.snapshot.yamls import destination_rule
from tests.unit.world import Village, host, pod, service

from ostria.snapshot.view import ResolvedDestinationRule

_TOWN = (
    service("reviews", ("http", 80), namespace="shop")
    + pod("client-1", "10.0.0.1", "client")
    + pod("reviews-1", "10.0.0.2", "shop")
    + pod("root-1", "10.0.0.3", "istio-system")
    + pod("far-1", "10.0.0.4", "far")
)
_HOST = "host: reviews.shop.svc.cluster.local"


def _found(village: Village, who: str = "client") -> ResolvedDestinationRule | None:
    name = {"shop": "reviews-1", "istio-system": "root-1"}.get(who, f"{who}-1")
    return village.view(name, who).destination_rule(host("reviews", "shop"))


def _name(village: Village, who: str = "client") -> str | None:
    found = _found(village, who)
    return f"{found.owners[0].namespace}/{found.owners[0].name}" if found else None


def test_the_clients_namespace_comes_before_the_services_before_the_root() -> None:
    village = Village(_TOWN + destination_rule("mesh", "host: '*.local'", "istio-system"))
    assert _name(village) == "istio-system/mesh"
    village.put(destination_rule("service", "host: reviews", "shop"))
    assert _name(village) == "shop/service"
    village.put(destination_rule("own", _HOST, "client"))
    assert [_name(village, who) for who in ("client", "shop", "far")] == ["client/own", "shop/service", "shop/service"]


def test_a_clients_own_wildcard_comes_before_the_services_exact_rule() -> None:
    village = Village(_TOWN + destination_rule("service", "host: reviews", "shop") + destination_rule("own", "host: '*.local'", "client"))
    assert _name(village) == "client/own"


def test_clients_in_the_root_namespace_obey_the_services_rule_first() -> None:
    village = Village(
        _TOWN + destination_rule("service", "host: reviews", "shop") + destination_rule("mesh", "host: '*.local'", "istio-system")
    )
    assert _name(village, "istio-system") == "shop/service"
    village.put(destination_rule("private", "host: '*.local', exportTo: [.]", "istio-system", "2000-01-01T00:00:00Z"))
    assert _name(village, "istio-system") == "istio-system/private"
    assert _name(village, "far") == "shop/service"


@pytest.mark.parametrize(("export_to", "seen"), [("['*']", True), ("[.]", False), ("[client]", True), ("[far]", False), ("['~']", False)])
def test_export_to(export_to: str, seen: bool) -> None:
    village = Village(_TOWN + destination_rule("service", f"host: reviews, exportTo: {export_to}", "shop"))
    assert (_name(village) is not None) == seen


def test_the_mesh_may_keep_rules_at_home_by_default() -> None:
    village = Village(_TOWN + destination_rule("service", "host: reviews", "shop"), {"defaultDestinationRuleExportTo": ["."]})
    assert (_name(village), _name(village, "shop")) == (None, "shop/service")


def test_rules_of_one_host_are_merged_the_oldest_first() -> None:
    village = Village(
        _TOWN
        + destination_rule(
            "b",
            "host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1, labels: {v: b}}, {name: v2, labels: {v: b}}]",
            "shop",
            "2024-01-02T00:00:00Z",
        )
        + destination_rule("a", "host: reviews, subsets: [{name: v1, labels: {v: a}}]", "shop", "2024-01-01T00:00:00Z")
    )
    rule = _found(village)
    assert rule is not None
    assert [o.name for o in rule.owners] == ["a", "b"]
    assert [(s.name, s.labels["v"]) for s in rule.spec.subsets] == [("v1", "a"), ("v2", "b")]
    assert rule.spec.traffic_policy is not None


def test_of_rules_for_one_host_only_those_that_a_client_may_see_are_merged() -> None:
    random = "trafficPolicy: {loadBalancer: {simple: RANDOM}}"
    village = Village(
        _TOWN
        + destination_rule("a", "host: reviews, subsets: [{name: v1, labels: {v: a}}]", "shop", "2024-01-01T00:00:00Z")
        + destination_rule("b", f"host: reviews, exportTo: [client], {random}", "shop", "2024-01-02T00:00:00Z")
        + destination_rule("c", "host: reviews, exportTo: [.], subsets: [{name: v3, labels: {v: c}}]", "shop", "2024-01-03T00:00:00Z")
    )
    owners = {
        who: [o.name for o in rule.owners] if (rule := _found(village, who)) else [] for who in ("client", "far", "istio-system", "shop")
    }
    assert owners == {"client": ["a", "b"], "far": ["a"], "istio-system": ["a"], "shop": ["a", "c"]}


def test_a_rule_with_a_selector_speaks_to_the_workloads_that_it_selects() -> None:
    village = Village(
        _TOWN
        + pod("vip-1", "10.0.0.5", "client")
        + destination_rule("all", _HOST, "client")
        + destination_rule("vip", f"{_HOST}, workloadSelector: {{matchLabels: {{app: vip}}}}", "client")
    )
    assert _name(village) == "client/all"
    assert village.view("vip-1", "client").destination_rule(host("reviews", "shop")).owners[0].name == "vip"  # type: ignore[union-attr]


def test_all_clients_share_one_object_and_keep_it_over_other_changes() -> None:
    village = Village(_TOWN + destination_rule("service", "host: reviews", "shop"))
    first = _found(village)
    village.put(destination_rule("other", "host: else", "shop"))
    assert first is _found(village) is _found(village, "far")
