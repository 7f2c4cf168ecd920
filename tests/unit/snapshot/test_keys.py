"""Proxies share a view unless something makes their worlds differ."""

import pytest
from tests.unit.snapshot.yamls import destination_rule
from tests.unit.world import Village, pod

ENDS = pod("web-1", "10.0.0.1", labels={"app": "web", "rack": "one"}, node="n1") + pod(
    "web-2", "10.0.0.2", labels={"app": "web", "rack": "two"}, node="n2"
)
FAR = "host: reviews, trafficPolicy: {outlierDetection: {}, loadBalancer: {localityLbSetting: {failoverPriority: [%s]}}}"


def keys(village: Village) -> list[object]:
    return [village.snapshot.view_key(village.proxy(name)) for name in ("web-1", "web-2")]


def differ(village: Village) -> bool:
    one, two = keys(village)
    return one != two


def test_labels_that_nobody_asks_for_make_no_difference() -> None:
    assert not differ(Village(ENDS))
    assert not differ(Village(ENDS + destination_rule("near", FAR % "tier")))


@pytest.mark.parametrize("entry", ["rack", "rack=one", "kubernetes.io/hostname"])
def test_what_a_failover_priority_compares_makes_one(entry: str) -> None:
    village = Village(ENDS)
    village.put(destination_rule("near", FAR % entry))
    assert differ(village)
    village.delete("DestinationRule", "near")
    assert not differ(village)


def test_subsets_and_ports_ask_too() -> None:
    setting = "loadBalancer: {localityLbSetting: {failoverPriority: [rack]}}"
    for policy in (f"portLevelSettings: [{{port: {{number: 80}}, {setting}}}]", setting):
        rule = f"host: reviews, subsets: [{{name: v1, trafficPolicy: {{{policy}}}}}]"
        assert differ(Village(ENDS + destination_rule("near", rule)))


def test_the_mesh_asks_for_everybody() -> None:
    village = Village(ENDS)
    village.set_mesh(localityLbSetting={"failoverPriority": ["rack"]})
    assert differ(village)
