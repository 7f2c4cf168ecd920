"""Who is near, who is next, and who gets which share."""

from collections.abc import Iterable

import pytest
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from tests.unit.translate.clusters.towns import Town, pod, rejected, town
from tests.unit.translate.routes.villages import destination_rule, service

from ostria.registry.model import Endpoint, Health, Locality, Resolution, Service
from ostria.translate import clusters
from ostria.translate.endpoints.locality import matches

REVIEWS = service("reviews", 9080)
NAME = "outbound|9080||reviews.default.svc.cluster.local"
HOME = Locality("a", "1", "x")
AROUND = [
    pod("reviews-v1", "10.0.0.1", locality="a/1/x"),
    pod("reviews-v1", "10.0.0.2", locality="a/1/y"),
    pod("reviews-v2", "10.0.0.3", locality="a/2/x"),
    pod("reviews-v2", "10.0.0.4", locality="b/1/x"),
    pod("reviews-v2", "10.0.0.5", locality="c/1/x"),
]
DETECTION = "outlierDetection: {consecutive5xxErrors: 5}"


def seen(policy: str, endpoints: Iterable[Endpoint] = AROUND, of: Service = REVIEWS, **client: object) -> ClusterLoadAssignment:
    rules = [destination_rule(f"{{host: {of.host}, trafficPolicy: {{{policy}}}}}")] if policy else []
    return view(rules, endpoints, of, **client).assignments[NAME]


def view(rules: object, endpoints: Iterable[Endpoint], of: Service = REVIEWS, **client: object) -> Town:
    return town(of, rules=rules, inhabitants={of: endpoints}, **{"locality": HOME, **client})


def priorities(assignment: ClusterLoadAssignment) -> dict[str, int]:
    return {e.endpoint.address.socket_address.address: g.priority for g in assignment.endpoints for e in g.lb_endpoints}


def addresses(assignment: ClusterLoadAssignment) -> list[str]:
    return list(priorities(assignment))


def test_without_outlier_detection_all_are_equal() -> None:
    assert set(priorities(seen("")).values()) == {0}


def test_with_outlier_detection_the_nearest_come_first() -> None:
    assert list(priorities(seen(DETECTION)).values()) == [0, 1, 2, 3, 3]


def test_failover_names_the_region_that_is_next() -> None:
    found = priorities(seen(f"{DETECTION}, loadBalancer: {{localityLbSetting: {{failover: [{{from: a, to: c}}]}}}}"))
    assert found == {"10.0.0.1": 0, "10.0.0.2": 1, "10.0.0.3": 2, "10.0.0.5": 3, "10.0.0.4": 4}


def test_a_rule_can_switch_locality_off() -> None:
    assert set(priorities(seen(f"{DETECTION}, loadBalancer: {{localityLbSetting: {{enabled: false}}}}")).values()) == {0}


def test_shares_are_spread_and_the_rest_gets_nothing() -> None:
    found = seen("loadBalancer: {localityLbSetting: {distribute: [{from: 'a/1/*', to: {'a/*': 80, 'b/*': 20}}]}}")
    assert addresses(found) == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]
    assert [g.load_balancing_weight.value for g in found.endpoints] == [27, 27, 27, 20]


def test_labels_order_the_endpoints() -> None:
    text = f"{DETECTION}, loadBalancer: {{localityLbSetting: {{failoverPriority: [topology.kubernetes.io/region, version]}}}}"
    found = priorities(seen(text, labels=(("version", "v2"),)))
    assert found == {"10.0.0.3": 0, "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.4": 2, "10.0.0.5": 2}


def test_a_label_can_ask_for_a_fixed_value() -> None:
    text = f"{DETECTION}, loadBalancer: {{localityLbSetting: {{failoverPriority: [version=v1]}}}}"
    found = priorities(seen(text))
    assert {address for address, priority in found.items() if priority == 0} == {"10.0.0.1", "10.0.0.2"}


def test_a_service_can_prefer_what_is_close() -> None:
    close = service("reviews", 9080, traffic_distribution="PreferClose")
    assert list(priorities(seen("", of=close)).values()) == [0, 1, 2, 3, 3]


def test_a_subset_holds_the_endpoints_with_its_labels() -> None:
    rule = destination_rule("{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}")
    found = view([rule], AROUND).assignments["outbound|9080|v1|reviews.default.svc.cluster.local"]
    assert addresses(found) == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(("publish", "expected"), [(False, ["10.0.0.1"]), (True, ["10.0.0.1", "10.0.0.2"])])
def test_who_is_not_ready_waits_unless_the_service_publishes_them(publish: bool, expected: list[str]) -> None:
    of = service("reviews", 9080, publish_not_ready=publish)
    found = [
        pod("reviews-v1", "10.0.0.1"),
        pod("reviews-v1", "10.0.0.2", health=Health.UNHEALTHY),
        pod("reviews-v1", "10.0.0.3", health=Health.DRAINING),
    ]
    assert addresses(seen("", found, of)) == expected


def test_internal_traffic_can_stay_on_its_node() -> None:
    of = service("reviews", 9080, internal_traffic_local=True)
    found = [pod("reviews-v1", "10.0.0.1", node="n1"), pod("reviews-v1", "10.0.0.2", node="n2")]
    assert addresses(seen("", found, of, node="n2")) == ["10.0.0.2"]


def test_an_endpoint_says_who_it_is() -> None:
    endpoint = seen("", [pod("reviews-v1", "10.0.0.1")]).endpoints[0].lb_endpoints[0]
    istio = endpoint.metadata.filter_metadata["istio"]
    assert istio["workload"] == "reviews-v1;default;reviews;v1;Kubernetes"
    assert istio["canonical_service"] == "reviews"
    assert istio["principal"] == "spiffe://cluster.local/ns/default/sa/reviews"
    assert endpoint.metadata.filter_metadata["envoy.transport_socket_match"]["tlsMode"] == "istio"


def test_an_endpoint_without_a_sidecar_has_no_mutual_tls() -> None:
    endpoint = seen("", [pod("reviews-v1", "10.0.0.1", mutual=False)]).endpoints[0].lb_endpoints[0]
    assert "envoy.transport_socket_match" not in endpoint.metadata.filter_metadata


def test_clients_in_other_places_share_what_does_not_depend_on_place() -> None:

    here, there = (view([], AROUND, locality=Locality(region)) for region in ("a", "b"))
    there.sets.update(here.sets)
    for one, other in zip(
        clusters.endpoint_keys(here, clusters.keys(here)), clusters.endpoint_keys(there, clusters.keys(there)), strict=True
    ):
        assert (one.name, one.balance) == (other.name, other.balance)
        assert one.balance is None


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [("a", True), ("a/1", True), ("a/1/x", True), ("a/*", True), ("*", True), ("a/2", False), ("b/*", False), ("a/1/y", False), ("", True)],
)
def test_locality_patterns(pattern: str, meant: bool) -> None:
    assert matches(HOME, pattern) is meant


def test_envoy_takes_inline_localities() -> None:
    outside = service("a.example.com", 80, external=True, resolution=Resolution.DNS)
    found = [Endpoint(address=f"{r}.example.com", port=80, locality=Locality(r)) for r in "abc"]
    rule = destination_rule(f"{{host: a.example.com, trafficPolicy: {{{DETECTION}}}}}")
    made = view([rule], found, outside).cluster("outbound|80||a.example.com")
    assert [g.priority for g in made.load_assignment.endpoints] == [0, 1, 1]
    assert rejected([made]) == ""
