"""Hosts that are found out from the request: wildcards of ServiceEntries, and everything where nothing is captured."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from tests.envoy.harness import validate
from tests.unit.snapshot.yamls import thing
from tests.unit.world import Village, pod, service

from ostria.translate.names import CDS, LDS, RDS
from ostria.translate.translator import Translator

WILD = thing(
    "ServiceEntry",
    "wild",
    "hosts: ['*.example.com'], resolution: DYNAMIC_DNS, location: MESH_EXTERNAL, "
    "ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]",
)
WEB = service("web", ("http", 80), ip="10.96.0.1") + pod("web-1", "10.0.0.1")


def made(text: str, **claims: object) -> tuple[dict[str, Listener], dict[str, Cluster]]:
    village, translator = Village(text), Translator()
    proxy = village.proxy("web-1", addresses=("10.0.0.1",), **claims)
    listeners, clusters, routes = ([p.body for p in translator.resources(village.snapshot, proxy, kind)] for kind in (LDS, CDS, RDS))
    found = [Listener.FromString(body) for body in listeners], [Cluster.FromString(body) for body in clusters]
    validate(listeners=found[0], clusters=found[1], routes=[RouteConfiguration.FromString(body) for body in routes])
    return {each.name: each for each in found[0]}, {each.name: each for each in found[1]}


def test_a_wildcard_is_resolved_when_it_is_asked_for() -> None:
    listeners, clusters = made(WEB + WILD)
    assert clusters["outbound|80||*.example.com"].cluster_type.name == "envoy.clusters.dynamic_forward_proxy"
    assert b"envoy.filters.http.dynamic_forward_proxy" in listeners["0.0.0.0_80"].SerializeToString()
    by_name = next(each for each in listeners.values() if each.name.endswith("_443"))
    assert b"envoy.filters.network.sni_dynamic_forward_proxy" in by_name.SerializeToString()


def test_without_capture_unknown_hosts_are_found_by_the_request_and_not_by_the_connection() -> None:
    listeners, clusters = made(WEB, captured=False, http_proxy_port=15002)
    assert clusters["PassthroughCluster"].cluster_type.name == "envoy.clusters.dynamic_forward_proxy"
    assert b"envoy.filters.http.dynamic_forward_proxy" in listeners["127.0.0.1_15002"].SerializeToString()


def test_other_settings_are_another_cache_because_envoy_would_refuse_them_under_the_old_name() -> None:
    village, translator = Village(WEB + WILD), Translator()
    proxy = village.proxy("web-1", addresses=("10.0.0.1",))
    before = translator.resources(village.snapshot, proxy, CDS)
    village.set_mesh(dnsRefreshRate="5s")
    after = translator.resources(village.snapshot, village.proxy("web-1", addresses=("10.0.0.1",)), CDS)
    name = "outbound|80||*.example.com"
    pair = [Cluster.FromString(found.body) for found in (before.get(name), after.get(name)) if found is not None]
    assert len(pair) == 2
    validate(clusters=pair)


def test_other_meshes_have_none_of_it() -> None:
    listeners, clusters = made(WEB)
    assert all(b"dynamic_forward_proxy" not in each.SerializeToString() for each in (*listeners.values(), *clusters.values()))
