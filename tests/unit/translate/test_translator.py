"""What a proxy gets, and what a change costs."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.message import Message
from tests.unit.snapshot.yamls import destination_rule, gateway, sidecar, thing, virtual_service
from tests.unit.translate.secrets.certificates import certificate
from tests.unit.world import Village, pod, router, service

from ostria.api.meta import ObjectKey
from ostria.registry.model import Locality
from ostria.snapshot.view import Proxy
from ostria.translate import consistency, provenance, routes
from ostria.translate.names import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, VHDS, outbound_cluster
from ostria.translate.prepared import ResourceSet
from ostria.translate.translator import Translator

TYPES = (CDS, EDS, LDS, RDS, VHDS, SDS, NDS, ECDS)
VILLAGE = (
    service("reviews", ("http", 9080), ip="10.96.0.1")
    + service("ratings", ("http", 9080), ip="10.96.0.2")
    + service("web", ("http", 80), ip="10.96.0.3")
    + pod("web-1", "10.0.0.1")
    + pod("web-2", "10.0.0.2")
    + pod("reviews-1", "10.0.0.3", labels={"app": "reviews", "version": "v1"})
    + pod("ratings-1", "10.0.0.4")
)
REVIEWS = outbound_cluster(9080, "", "reviews.default.svc.cluster.local")


class Watched:
    """A translator over a village, and what it built last."""

    def __init__(self, village: Village) -> None:
        self.village = village
        self.translator = Translator()

    def proxy(self, name: str = "web-1", address: str = "10.0.0.1", **claims: object) -> Proxy:
        return self.village.proxy(name, addresses=(address,), **claims)

    def sets(self, proxy: Proxy | None = None) -> dict[str, ResourceSet]:
        proxy = proxy or self.proxy()
        return {kind: self.translator.resources(self.village.snapshot, proxy, kind) for kind in TYPES}

    def body(self, kind: str, name: str) -> bytes:
        found = self.sets()[kind].get(name)
        assert found is not None
        return found.body

    @contextmanager
    def built(self) -> Iterator[Counter[str]]:
        before, found = Counter(self.translator.builds), Counter[str]()
        yield found
        found.update(Counter(self.translator.builds) - before)


def test_a_sidecar_gets_a_world_that_holds_together() -> None:
    watched = Watched(Village(VILLAGE))
    sets = watched.sets()
    assert list(consistency.problems(sets.values())) == []
    assert watched.translator.problems() == ()
    assert {REVIEWS, "inbound|80||", "InboundPassthroughCluster"} <= {p.name for p in sets[CDS]}
    assert sets[LDS].get("virtualInbound") is not None
    assert sets[RDS].get("9080") is not None


def test_replicas_share_everything() -> None:
    watched = Watched(Village(VILLAGE))
    first = watched.sets()
    with watched.built() as built:
        second = watched.sets(watched.proxy("web-2", "10.0.0.2"))
    assert not built
    assert all(first[kind] is second[kind] for kind in TYPES)


def test_places_share_all_but_the_order_of_endpoints() -> None:
    nearby = destination_rule(
        "reviews", "host: reviews, trafficPolicy: {loadBalancer: {localityLbSetting: {enabled: true}}, outlierDetection: {}}"
    )
    watched = Watched(
        Village(VILLAGE + nearby + virtual_service("reviews", "hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]"))
    )
    here, there = (watched.proxy(id=zone, locality=Locality("eu", zone)) for zone in ("eu-1", "eu-2"))
    one, other = watched.sets(here), watched.sets(there)
    assert all(one[kind].shared is other[kind].shared for kind in (LDS, RDS, VHDS, ECDS))
    watched.village.put(virtual_service("reviews", "hosts: [reviews], http: [{route: [{destination: {host: ratings}}]}]"))
    assert watched.sets(there)[RDS].shared is watched.sets(here)[RDS].shared is not one[RDS].shared


def test_a_virtual_service_costs_its_virtual_hosts() -> None:
    """One on the service's port, and one on port 80, where Istio serves every host of a VirtualService."""
    village = Village(VILLAGE + virtual_service("reviews", "hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]"))
    watched = Watched(village)
    before = watched.sets()
    with watched.built() as built:
        village.put(virtual_service("reviews", "hosts: [reviews], http: [{timeout: 3s, route: [{destination: {host: reviews}}]}]"))
        after = watched.sets()
    assert built == {VHDS: 2}
    assert [kind for kind in TYPES if after[kind] is not before[kind]] == [RDS]


def test_an_endpoint_costs_its_assignment() -> None:
    village = Village(VILLAGE + pod("reviews-2", "10.0.0.5"))
    watched = Watched(village)
    before = watched.sets()
    with watched.built() as built:
        village.put(pod("reviews-2", "10.0.0.5", ready=False))
        after = watched.sets()
    assert built == {EDS: 1}
    assert [kind for kind in TYPES if after[kind] is not before[kind]] == [EDS]


def test_a_route_follows_the_ports_of_a_service_that_no_egress_listener_imports() -> None:
    village = Village(
        VILLAGE
        + sidecar("egress: [{hosts: [./reviews.default.svc.cluster.local]}]")
        + virtual_service("reviews", "hosts: [reviews], http: [{route: [{destination: {host: ratings}}]}]")
    )
    watched = Watched(village)
    assert watched.body(RDS, "9080").count(b"outbound|9080||ratings") == 1
    village.put(service("ratings", ("http", 7000), ip="10.96.0.2"))
    assert watched.body(RDS, "9080").count(b"outbound|7000||ratings") == 1


def test_a_change_elsewhere_costs_nothing() -> None:
    village = Village(VILLAGE)
    watched = Watched(village)
    before = watched.sets()
    with watched.built() as built:
        village.put(gateway("gw", "selector: {istio: x}, servers: [{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}]"))
        after = watched.sets()
    assert not built
    assert all(after[kind] is before[kind] for kind in TYPES)


def test_a_rule_that_cannot_be_built_keeps_the_last_good_cluster_and_says_so() -> None:
    village = Village(VILLAGE + destination_rule("reviews", "host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}"))
    watched = Watched(village)
    good = watched.sets()[CDS].get(REVIEWS)
    village.put(destination_rule("reviews", "host: reviews, trafficPolicy: {tls: {mode: MUTUAL}}"))
    sets = watched.sets()
    assert sets[CDS].get(REVIEWS) is good
    (problem,) = watched.translator.problems()
    assert problem.kept
    assert "clientCertificate" in problem.words
    assert ObjectKey("DestinationRule", "default", "reviews") in problem.origins


def test_a_cluster_that_never_worked_is_left_out_alone() -> None:
    watched = Watched(Village(VILLAGE + destination_rule("reviews", "host: reviews, trafficPolicy: {tls: {mode: MUTUAL}}")))
    sets = watched.sets()
    assert sets[CDS].get(REVIEWS) is None
    assert sets[CDS].get(outbound_cluster(9080, "", "ratings.default.svc.cluster.local")) is not None
    (problem,) = watched.translator.problems()
    assert not problem.kept


def test_joined_routes_are_what_protobuf_makes_of_the_whole() -> None:
    village = Village(VILLAGE)
    watched = Watched(village)
    body = watched.sets()[RDS].get("9080")
    key = next(k for k in routes.keys(village.view("web-1", addresses=("10.0.0.1",))) if k.name == "9080")
    assert body is not None
    assert RouteConfiguration.FromString(body.body) == routes.build(key).message


def test_virtual_hosts_can_be_delivered_one_by_one() -> None:
    watched = Watched(Village(VILLAGE))
    sets = watched.sets(watched.proxy(vhds=True))
    shell = sets[RDS].get("9080")
    assert shell is not None
    assert [host.name for host in RouteConfiguration.FromString(shell.body).virtual_hosts] == ["allow_any"]
    assert sets[VHDS].get("9080/reviews.default.svc.cluster.local:9080") is not None


def test_every_resource_can_be_traced_to_its_objects() -> None:
    watched = Watched(Village(VILLAGE + destination_rule("reviews", "host: reviews, subsets: [{name: v1, labels: {version: v1}}]")))
    rule = ObjectKey("DestinationRule", "default", "reviews")
    made = {t.name for t in provenance.made_by(watched.sets().values(), rule)}
    assert {REVIEWS, outbound_cluster(9080, "v1", "reviews.default.svc.cluster.local")} <= made


def test_a_gateway_gets_secrets_of_its_own_namespace_only() -> None:
    tls = (
        "servers: [{hosts: [a.example.com], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: NAME}}]"
    )
    village = Village(
        VILLAGE
        + gateway("good", "selector: {istio: ingressgateway}, " + tls.replace("NAME", "certificate"))
        + secret("certificate", "istio-system")
        + secret("certificate", "default")
    )
    watched = Watched(village)
    proxy = village.snapshot.complete(router(labels={"istio": "ingressgateway"}))
    sets = watched.sets(proxy)
    assert [p.name for p in sets[SDS]] == ["kubernetes://certificate"]
    assert list(consistency.problems(sets.values())) == []


def test_a_spoiled_resource_is_spoiled_for_tests_only() -> None:
    def spoil(name: str, message: Message) -> Message:
        return RouteConfiguration(name="spoiled") if name == REVIEWS else message

    village = Village(VILLAGE)
    translator = Translator(tamper=spoil)
    sets = translator.resources(village.snapshot, village.proxy("web-1", addresses=("10.0.0.1",)), CDS)
    found = sets.get(REVIEWS)
    assert found is not None
    assert RouteConfiguration.FromString(found.body).name == "spoiled"


def test_views_that_nobody_asks_for_are_forgotten() -> None:
    village = Village(VILLAGE)
    watched = Watched(village)
    watched.sets()
    for timeout in range(1, 20):
        village.put(virtual_service("v", f"hosts: [reviews], http: [{{timeout: {timeout}s, route: [{{destination: {{host: reviews}}}}]}}]"))
        watched.sets(village.proxy("other", "other", addresses=("10.0.0.9",)))
    assert len(watched.translator._shared) == 1


def test_strangers_who_come_and_go_leave_few_views_in_a_mesh_at_rest() -> None:
    village = Village(VILLAGE)
    watched = Watched(village)
    mine = watched.sets()
    for number in range(200):
        stranger = watched.proxy(f"stranger-{number}", "10.0.0.9", outbound_mark=number)
        watched.translator.resources(village.snapshot, stranger, CDS)
        watched.translator.forget(stranger.id)
    assert len(watched.translator._shared) < 140
    assert len(watched.translator._sets) < 150
    assert len(watched.translator._places) == 1
    assert watched.sets() == mine, "who stays keeps the very sets"


def test_what_a_proxy_has_already_is_told_by_a_glance() -> None:
    village = Village(VILLAGE)
    watched = Watched(village)
    near, far = village.proxy("web-1", addresses=("10.0.0.1",)), village.proxy("other", "other", addresses=("10.0.0.9",))
    before = village.snapshot
    watched.sets(near)
    watched.sets(far)
    built = Counter(watched.translator.builds)
    village.put(virtual_service("v", "hosts: [reviews], exportTo: ['.'], http: [{timeout: 1s, route: [{destination: {host: reviews}}]}]"))
    assert watched.translator.same(village.snapshot, [(before, near), (before, far)]) == [False, True]
    watched.sets(near)
    assert set(Counter(watched.translator.builds) - built) == {VHDS}


def secret(name: str, namespace: str) -> str:
    return f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\ntype: kubernetes.io/tls\n{_data()}"


def _data() -> str:
    chain, key = certificate("a.example.com")
    return "stringData:\n" + "".join(f"  {k}: {json.dumps(v)}\n" for k, v in {"tls.crt": chain, "tls.key": key}.items())


def test_envoy_filters_change_what_they_mean_and_a_bad_one_is_named() -> None:
    merge = "{applyTo: CLUSTER, match: {cluster: {service: reviews.default.svc.cluster.local}}, patch: {operation: MERGE, value: VALUE}}"
    village = Village(VILLAGE)
    watched = Watched(village)
    before = watched.sets()
    with watched.built() as built:
        village.put(thing("EnvoyFilter", "good", f"configPatches: [{merge.replace('VALUE', '{connect_timeout: 3s}')}]"))
        after = watched.sets()
    assert built[CDS] == 3, "that of reviews, and the workload's own two"
    assert not {RDS, VHDS, EDS} & built.keys()
    found = after[CDS].get(REVIEWS)
    assert found is not None
    assert Cluster.FromString(found.body).connect_timeout.seconds == 3
    assert ObjectKey("EnvoyFilter", "default", "good", 0) in found.origins
    assert after[CDS].get("PassthroughCluster") is before[CDS].get("PassthroughCluster")
    village.put(thing("EnvoyFilter", "good", f"configPatches: [{merge.replace('VALUE', '{conect_timeout: 3s}')}]"))
    assert watched.sets()[CDS].get(REVIEWS) is not None
    assert {p.origins for p in watched.translator.problems()} == {(ObjectKey("EnvoyFilter", "default", "good", 0),)}


def test_what_is_wrong_ends_with_the_object_that_was_wrong() -> None:
    """Its view is kept for a while in case a proxy asks again; what was wrong there is nobody's trouble any more."""
    village = Village(
        VILLAGE + thing("EnvoyFilter", "bad", "configPatches: [{applyTo: CLUSTER, patch: {operation: MERGE, value: {a: 1}}}]")
    )
    watched = Watched(village)
    watched.sets()
    assert watched.translator.problems()
    village.delete("EnvoyFilter", "bad")
    watched.sets()
    assert watched.translator.problems() == ()
