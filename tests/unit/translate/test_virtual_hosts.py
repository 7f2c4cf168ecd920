"""Virtual hosts delivered one by one say the same as those inside their route configuration, and cost no more."""

from dataclasses import replace

import pytest
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.snapshot.yamls import thing, virtual_service
from tests.unit.town import PROXIES, STEPS, STREETS, Town
from tests.unit.translate.test_translator import VILLAGE, Watched
from tests.unit.world import Village, pod, router, service

from ostria.api.meta import ObjectKey
from ostria.snapshot.view import Generator
from ostria.translate import consistency, routes
from ostria.translate.built import Built
from ostria.translate.names import RDS, VHDS
from ostria.translate.prepared import ResourceSet
from ostria.translate.translator import Translator

APART = "9080/reviews.default.svc.cluster.local:9080"
TIMEOUT = "hosts: [reviews], http: [{timeout: %ss, route: [{destination: {host: reviews}}]}]"
SIDECARS = "match: {context: SIDECAR_OUTBOUND%s}"
HEADER = "requestHeadersToAdd: [{header: {key: x-by, value: filter}}]"
FILTERS = {
    "a route": f"{{applyTo: HTTP_ROUTE, {SIDECARS % ''}, patch: {{operation: MERGE, value: {{{HEADER}}}}}}}",
    "a host by name": (
        "{applyTo: VIRTUAL_HOST, "
        + SIDECARS % ", routeConfiguration: {vhost: {name: 'reviews.default.svc.cluster.local:9080'}}"
        + f", patch: {{operation: MERGE, value: {{{HEADER}}}}}}}"
    ),
    "a host goes": (
        "{applyTo: VIRTUAL_HOST, "
        + SIDECARS % ", routeConfiguration: {vhost: {name: 'ratings.default.svc.cluster.local:9080'}}"
        + ", patch: {operation: REMOVE}}"
    ),
    "a host comes": f"{{applyTo: VIRTUAL_HOST, {SIDECARS % ''}, patch: {{operation: ADD, value: {{name: extra, domains: [extra.example]}}}}}}",
    "a host with a slash": f"{{applyTo: VIRTUAL_HOST, {SIDECARS % ''}, patch: {{operation: ADD, value: {{name: a/b, domains: [a.example]}}}}}}",
    "the configuration": f"{{applyTo: ROUTE_CONFIGURATION, {SIDECARS % ''}, patch: {{operation: MERGE, value: {{{HEADER}}}}}}}",
}


def envoy_filter(patch: str, name: str = "patch") -> str:
    return thing("EnvoyFilter", name, f"configPatches: [{patch}]")


def put_together(shells: ResourceSet, hosts: ResourceSet) -> dict[str, RouteConfiguration]:
    """What Envoy makes of shells and hosts, named as they are inline."""
    found = {each.name: RouteConfiguration.FromString(each.body) for each in shells}
    for each in hosts:
        config, _, name = each.name.rpartition("/")
        host = VirtualHost.FromString(each.body)
        assert host.name == each.name, "Envoy removes nothing otherwise"
        assert found[config].HasField("vhds")
        host.name = name
        found[config].virtual_hosts.append(host)
    return {name: ordered(config) for name, config in found.items()}


def ordered(config: RouteConfiguration) -> RouteConfiguration:
    config.ClearField("vhds")
    hosts = sorted(config.virtual_hosts, key=lambda host: host.name)
    del config.virtual_hosts[:]
    config.virtual_hosts.extend(hosts)
    return config


@pytest.mark.parametrize("more", ["", *map(envoy_filter, FILTERS.values())], ids=["no filter", *FILTERS])
def test_in_parts_or_whole_the_configuration_says_the_same(more: str) -> None:
    watched = Watched(Village(VILLAGE + virtual_service("reviews", TIMEOUT % 3) + more))
    parts, whole = watched.sets(watched.proxy(vhds=True)), watched.sets()
    assert list(consistency.problems(parts.values())) == []
    assert put_together(parts[RDS], parts[VHDS]) == {each.name: ordered(RouteConfiguration.FromString(each.body)) for each in whole[RDS]}
    assert not len(whole[VHDS])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STREETS, st.lists(STEPS, max_size=6))
def test_in_parts_or_whole_it_is_the_same_in_any_town(streets: tuple[int | None, ...], steps: list[tuple[int, int | None]]) -> None:
    town, translator = Town(), Translator()
    for news in (list(enumerate(streets)), steps):
        town.live(news)
        snapshot = town.advance()
        for claims in PROXIES:
            one, other = (snapshot.complete(replace(claims, id=f"{claims.id} {vhds}", vhds=vhds)) for vhds in (True, False))
            shells, hosts, whole = (translator.resources(snapshot, *what) for what in ((one, RDS), (one, VHDS), (other, RDS)))
            assert put_together(shells, hosts) == {each.name: ordered(RouteConfiguration.FromString(each.body)) for each in whole}


def test_the_host_for_everything_stays_inline_and_so_does_a_name_that_envoy_would_split() -> None:
    watched = Watched(Village(VILLAGE + envoy_filter(FILTERS["a host with a slash"])))
    shell = watched.sets(watched.proxy(vhds=True))[RDS].get("9080")
    assert shell is not None
    assert [host.name for host in RouteConfiguration.FromString(shell.body).virtual_hosts] == ["allow_any", "a/b"]
    assert shell.requires == ((VHDS, "9080"),)


def test_a_virtual_service_costs_its_hosts_and_the_shells_stay() -> None:
    village = Village(VILLAGE + virtual_service("reviews", TIMEOUT % 3))
    watched = Watched(village)
    proxy = watched.proxy(vhds=True)
    before = watched.sets(proxy)
    with watched.built() as built:
        village.put(virtual_service("reviews", TIMEOUT % 4))
        after = watched.sets(proxy)
    assert built == {VHDS: 2}
    assert after[RDS] is before[RDS]
    changed = {each.name for each in after[VHDS] if before[VHDS].get(each.name) is not each}
    assert changed == {APART, "80/reviews.default.svc.cluster.local:80"}


def test_both_ways_are_made_of_the_same_bytes() -> None:
    watched = Watched(Village(VILLAGE))
    watched.sets()
    with watched.built() as built:
        watched.sets(watched.proxy("web-2", "10.0.0.2", vhds=True))
    assert built == {RDS: 2}, "the shells of ports 80 and 9080"


def test_a_filter_that_comes_and_goes_leaves_the_way_of_delivery_alone() -> None:
    village = Village(VILLAGE)
    watched = Watched(village)
    proxy = watched.proxy(vhds=True)
    first = watched.sets(proxy)
    village.put(envoy_filter(FILTERS["a host by name"]))
    second = watched.sets(proxy)
    host = second[VHDS].get(APART)
    assert host is not None
    assert {str(origin) for origin in host.origins} == {"Service default/reviews", "EnvoyFilter default/patch"}
    village.delete("EnvoyFilter", "patch")
    third = watched.sets(proxy)
    for one, other in ((first, second), (second, third)):
        assert [name for name in one[VHDS].shared if one[VHDS].shared[name].version != other[VHDS].shared[name].version] == [APART]


def test_a_port_whose_protocol_is_found_out_has_one_host_and_keeps_it() -> None:
    watched = Watched(Village(service("tcp", ("", 7000), ip="10.96.0.9") + pod("web-1", "10.0.0.1")))
    sets = watched.sets(watched.proxy(vhds=True))
    (name,) = (each.name for each in sets[RDS] if ":" in each.name)
    whole = sets[RDS].get(name)
    assert whole is not None
    message = RouteConfiguration.FromString(whole.body)
    assert not message.HasField("vhds")
    assert len(message.virtual_hosts) == 1


def test_gateways_and_grpc_clients_have_their_routes_inline_whatever_they_say() -> None:
    village = Village(VILLAGE)
    watched = Watched(village)
    for proxy in (village.snapshot.complete(router(vhds=True)), watched.proxy(vhds=True, generator=Generator.GRPC)):
        sets = watched.sets(proxy)
        assert not len(sets[VHDS])
        assert not any(RouteConfiguration.FromString(each.body).HasField("vhds") for each in sets[RDS])


def test_a_configuration_that_fails_keeps_its_shell_and_its_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(key: routes.RouteConfigKey) -> Built:
        raise ValueError(f"{key.name} is spoiled")

    village = Village(VILLAGE + envoy_filter(FILTERS["a route"]))
    watched = Watched(village)
    proxy = watched.proxy(vhds=True)
    good = watched.sets(proxy)
    monkeypatch.setattr(routes, "build", fail)
    village.put(virtual_service("reviews", TIMEOUT % 4))
    after = watched.sets(proxy)
    assert {problem.words for problem in watched.translator.problems()} == {"80 is spoiled", "9080 is spoiled"}
    assert after[VHDS] is good[VHDS]
    assert after[RDS] is good[RDS]


def test_a_host_can_be_traced_to_its_objects() -> None:
    watched = Watched(Village(VILLAGE + virtual_service("reviews", TIMEOUT % 3)))
    host = watched.sets(watched.proxy(vhds=True))[VHDS].get(APART)
    assert host is not None
    assert ObjectKey("VirtualService", "default", "reviews") in {origin._replace(rule=None) for origin in host.origins}
