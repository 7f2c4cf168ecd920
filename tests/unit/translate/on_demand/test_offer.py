"""What a proxy that discovers on demand starts with and is given: in any town it meets what it would meet with everything."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.snapshot.yamls import thing, virtual_service
from tests.unit.town import STEPS, STREETS, Town
from tests.unit.translate.routes.simulate import Request, find_virtual_host, simulate
from tests.unit.world import Village, pod, proxy, service

from ostria.snapshot.snapshots import Snapshot
from ostria.snapshot.view import Proxy
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS, is_outbound
from ostria.translate.on_demand.naming import clusters_in
from ostria.translate.prepared import Choice, Prepared, ResourceSet
from ostria.translate.translator import Translator

ASKERS = [
    proxy("asks", "other", labels={"app": "web"}, vhds=True, on_demand=True),
    proxy("asks", vhds=True, on_demand=True, addresses=("10.0.0.1",)),
    proxy("open", "other", captured=False, http_proxy_port=15002, vhds=True, on_demand=True, addresses=("10.0.0.4",)),
]
STRANGERS = ("nobody.example", "nobody.example:9080", "x.wild.com", "*", "", "10.1.0.1", "10.1.0.1:9080", "REVIEWS.default")
VILLAGE = "---\n".join(
    (
        pod("web", "10.0.0.1", ports=[("http", 8080)]),
        service("web", ("http", 80, 8080), ip="10.1.0.1"),
        *(
            service(name, ("http", 80, 8080), ("tcp", 3306), namespace="shop", ip=f"10.1.0.{number}", selector={"app": name})
            for number, name in enumerate(("a", "b", "c"), 2)
        ),
    )
)
WEB = proxy("web", labels={"app": "web"}, vhds=True, on_demand=True, addresses=("10.0.0.1",))


class Given:
    """A proxy's resources, whole, and what it is given for some names."""

    def __init__(self, snapshot: Snapshot, who: Proxy, translator: Translator | None = None) -> None:
        translator, done = translator or Translator(), snapshot.complete(who)
        self.sets = {kind: translator.resources(snapshot, done, kind) for kind in (CDS, EDS, LDS, RDS, VHDS)}

    def choose(self, asked: Iterable[str] = (), clusters: Iterable[str] = ()) -> Choice:
        offer = self.sets[VHDS].offer
        assert offer is not None
        assert offer == self.sets[CDS].offer
        return offer.choose(frozenset(asked), frozenset(clusters))

    def configs(self, hosts: Mapping[str, Prepared]) -> dict[str, RouteConfiguration]:
        found = {each.name: RouteConfiguration.FromString(each.body) for each in self.sets[RDS]}
        for name, each in hosts.items():
            found[name.rpartition("/")[0]].virtual_hosts.append(VirtualHost.FromString(each.body))
        return found


def hosts_of(names: Iterable[str]) -> set[str]:
    return {name.split("|")[3].removesuffix(".svc.cluster.local") for name in names if is_outbound(name)}


def outcome(config: RouteConfiguration, request: Request) -> Any:
    """Apart from the name of the virtual host."""
    found = simulate(config, request)
    return (found.clusters, found.status, found.location, found.path, found.authority)


def authorities(config: RouteConfiguration) -> list[str]:
    """Names that requests may carry: those that are served, names that wildcards serve, and some that nobody knows."""
    served = [domain for host in config.virtual_hosts for domain in host.domains if domain != "*"]
    return [*(domain.replace("*", "some") for domain in served), *STRANGERS]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STREETS, st.lists(STEPS, max_size=4), st.sampled_from(ASKERS), st.data())
def test_in_any_town_requests_meet_what_they_would_meet_with_everything(
    streets: tuple[int | None, ...], steps: list[tuple[int, int | None]], who: Proxy, data: st.DataObject
) -> None:
    town = Town()
    town.live((*enumerate(streets), *steps))
    given_ = Given(town.advance(), who)
    whole = given_.configs(given_.sets[VHDS].shared)
    possible = sorted(
        {f"{name}/{authority}" for name, config in whole.items() if config.HasField("vhds") for authority in authorities(config)}
    )
    asked = data.draw(st.sets(st.sampled_from(possible), max_size=5)) if possible else set()
    choice = given_.choose(asked)
    there = given_.configs(choice.hosts)
    for name in possible:
        config, _, authority = name.rpartition("/")
        met, request = find_virtual_host(there[config], authority), Request(authority=authority, path="/a")
        if name in choice.answers:
            assert met is not None
            assert met.name == choice.answers[name]
        elif name in asked:
            assert met is None, "nothing is served that could not be named"
        if met is not None:
            assert outcome(there[config], request) == outcome(whole[config], request), (name, asked)
    for host in choice.hosts.values():
        led_to = {each for each in clusters_in(VirtualHost.FromString(host.body)) if each in given_.sets[CDS].shared}
        assert led_to <= choice.clusters.keys()
    for config in there.values():
        domains = [domain.lower() for host in config.virtual_hosts for domain in host.domains]
        assert len(set(domains)) == len(domains), "Envoy refuses a domain that occurs twice"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STREETS, st.lists(STEPS, max_size=3), st.sampled_from(ASKERS))
def test_a_choice_that_a_change_leaves_would_be_made_again(
    streets: tuple[int | None, ...], steps: list[tuple[int, int | None]], who: Proxy
) -> None:
    town, translator = Town(), Translator()
    town.live(enumerate(streets))
    before = Given(town.advance(), who, translator)
    town.live(steps)
    after = Given(town.advance(), who, translator)
    asked = frozenset({"9080/reviews.default", "80/nobody.example", "80/web.default:80", "http_proxy/reviews.default:9080"})
    old, new = before.sets[VHDS].offer, after.sets[VHDS].offer
    assert old is not None
    assert new is not None
    choice = old.choose(asked, frozenset())
    if new.leaves(choice, old):
        assert picture(new.choose(asked, frozenset())) == picture(choice)


def picture(choice: Choice) -> Any:
    return [[(each.name, each.version) for each in part.values()] for part in (choice.clusters, choice.hosts)], dict(choice.answers)


def test_a_change_of_what_others_chose_is_none_for_this_proxy() -> None:
    village, translator = Village(VILLAGE), Translator()
    spec = "hosts: [%s.shop.svc.cluster.local], http: [{timeout: %ss, route: [{destination: {host: %s.shop.svc.cluster.local}}]}]"
    village.put(virtual_service("a", spec % ("a", 1, "a"), "shop"), virtual_service("b", spec % ("b", 1, "b"), "shop"))
    old = Given(village.snapshot, WEB, translator).sets[VHDS].offer
    assert old is not None
    choice = old.choose(frozenset({"80/a.shop"}), frozenset())
    village.put(virtual_service("b", spec % ("b", 2, "b"), "shop"))
    new = Given(village.snapshot, WEB, translator).sets[VHDS].offer
    assert new is not None
    assert new.leaves(choice, old)
    village.put(virtual_service("a", spec % ("a", 2, "a"), "shop"))
    newest = Given(village.snapshot, WEB, translator).sets[VHDS].offer
    assert newest is not None
    assert not newest.leaves(choice, new)


def test_it_starts_with_its_namespace_or_with_what_its_sidecar_spells_out() -> None:
    village = Village(VILLAGE)
    assert hosts_of(Given(village.snapshot, WEB).choose().clusters) == {"web.default"}
    village.put(thing("Sidecar", "default", "egress: [{hosts: ['*/*']}]"))
    assert hosts_of(Given(village.snapshot, WEB).choose().clusters) == {"web.default"}
    village.put(thing("Sidecar", "default", "egress: [{hosts: ['*/*', shop/b.shop.svc.cluster.local]}]"))
    choice = Given(village.snapshot, WEB).choose()
    assert hosts_of(choice.clusters) == {"b.shop"}
    assert set(choice.hosts) == {"80/b.shop.svc.cluster.local:80"}


def test_what_its_sidecar_does_not_import_it_cannot_ask_for() -> None:
    village = Village(VILLAGE)
    village.put(thing("Sidecar", "default", "egress: [{hosts: ['./*', shop/b.shop.svc.cluster.local]}]"))
    choice = Given(village.snapshot, WEB).choose({"80/a.shop"})
    assert choice.answers == {"80/a.shop": "80/a.shop"}
    assert clusters_of(choice.hosts["80/a.shop"]) == set()
    assert hosts_of(choice.clusters) == {"b.shop"}


def clusters_of(host: Prepared) -> set[str]:
    return set(clusters_in(VirtualHost.FromString(host.body)))


def test_a_host_brings_every_cluster_that_its_routes_lead_to_mirrors_too() -> None:
    village = Village(VILLAGE)
    spec = "hosts: [a.shop.svc.cluster.local], http: [{route: [{destination: {host: b.shop.svc.cluster.local}}], mirrors: [{destination: {host: c.shop.svc.cluster.local}}]}]"
    village.put(virtual_service("v", spec, "shop"))
    given_ = Given(village.snapshot, WEB)
    assert hosts_of(given_.choose({"80/a.shop:80"}).clusters) == {"web.default", "b.shop", "c.shop"}


def test_a_host_with_a_wildcard_brings_those_that_it_would_hide_and_what_they_lead_to() -> None:
    village = Village(VILLAGE)
    for name, host in (("any", "*.wild.example"), ("one", "x.wild.example"), ("else", "x.tame.example")):
        spec = (
            f"hosts: ['{host}'], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: STATIC, endpoints: [{{address: 1.2.3.4}}]"
        )
        village.put(thing("ServiceEntry", name, spec, "shop"))
    choice = Given(village.snapshot, WEB).choose({"80/y.wild.example"})
    assert choice.answers == {"80/y.wild.example": "80/*.wild.example:80"}
    assert hosts_of(choice.clusters) == {"web.default", "*.wild.example", "x.wild.example"}


def test_its_listeners_and_filters_have_what_they_use_from_the_start() -> None:
    village = Village(
        VILLAGE, {"extensionProviders": [{"name": "ask", "envoyExtAuthzHttp": {"service": "shop/c.shop.svc.cluster.local", "port": 80}}]}
    )
    village.put(thing("AuthorizationPolicy", "p", "action: CUSTOM, provider: {name: ask}, rules: [{}]"))
    assert hosts_of(Given(village.snapshot, WEB).choose().clusters) == {"web.default", "c.shop"}


def test_what_an_envoy_filter_brings_in_counts_like_everything_else() -> None:
    village = Village(VILLAGE)
    cluster = "outbound|80||b.shop.svc.cluster.local"
    config = (
        "{'@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, "
        f"grpc_service: {{envoy_grpc: {{cluster_name: '{cluster}'}}}}}}"
    )
    patch = (
        "{applyTo: HTTP_FILTER, match: {context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}, "
        f"patch: {{operation: INSERT_FIRST, value: {{name: check, typed_config: {config}}}}}}}"
    )
    village.put(thing("EnvoyFilter", "f", f"configPatches: [{patch}]"))
    assert hosts_of(Given(village.snapshot, WEB).choose().clusters) == {"web.default", "b.shop"}


def test_connections_ask_for_their_cluster_and_one_that_is_nowhere_has_no_endpoints() -> None:
    given_ = Given(Village(VILLAGE).snapshot, WEB)
    tcp, nowhere = "outbound|3306||a.shop.svc.cluster.local", "outbound|1||gone.example"
    choice = given_.choose((), {tcp, nowhere})
    assert hosts_of(choice.clusters) == {"web.default", "a.shop", "gone.example"}
    made = Cluster.FromString(choice.clusters[nowhere].body)
    assert (made.type, len(made.load_assignment.endpoints)) == (Cluster.STATIC, 0)
    (listener,) = (Listener.FromString(each.body) for each in given_.sets[LDS] if each.name == "10.1.0.2_3306")
    assert set(clusters_in(listener)) == set(), "it need not be there before"


def test_a_stranger_gets_what_everything_would_and_many_get_the_host_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostria.translate.on_demand.offer.STRANGERS", 2)
    given_ = Given(Village(VILLAGE).snapshot, WEB)
    two = given_.choose({"80/x.example", "80/y.example:80", "80/y.example"})
    assert {name for name in two.hosts if "example" in name} == {"80/x.example", "80/y.example"}
    three = given_.choose({"80/x.example", "80/y.example", "80/z.example"})
    assert three.hosts.keys() == {name for name in given_.sets[VHDS].shared if name.startswith("80/")}
    assert set(three.answers.values()) == {"80/allow_any"}
    assert hosts_of(three.clusters) == {"web.default", "a.shop", "b.shop", "c.shop"}, "with all that they lead to"


def test_a_change_elsewhere_keeps_the_offer() -> None:
    village, translator = Village(VILLAGE), Translator()
    before = Given(village.snapshot, WEB, translator).sets
    village.put(service("hidden", ("http", 80), namespace="shop", annotations={"networking.istio.io/exportTo": "."}))
    after = Given(village.snapshot, WEB, translator).sets
    assert (after[CDS], after[VHDS]) == (before[CDS], before[VHDS])


def test_everybody_else_is_offered_nothing() -> None:
    village = Village(VILLAGE)
    plain = proxy("web", labels={"app": "web"}, vhds=True, addresses=("10.0.0.1",))
    without = proxy("web", labels={"app": "web"}, on_demand=True, addresses=("10.0.0.1",))
    for who in (plain, without):
        sets: Mapping[str, ResourceSet] = Given(village.snapshot, who).sets
        assert [sets[CDS].offer, sets[VHDS].offer] == [None, None]
        assert hosts_of(each.name for each in sets[CDS]) == {"web.default", "a.shop", "b.shop", "c.shop"}
