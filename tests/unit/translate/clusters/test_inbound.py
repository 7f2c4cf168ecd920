"""From the sidecar to its own app."""

from dataclasses import replace

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from tests.unit.snapshot.yamls import destination_rule, sidecar
from tests.unit.translate.clusters.towns import rejected
from tests.unit.world import Village, pod, service

from ostria.snapshot.view import Inbound
from ostria.translate import clusters

WEB = service("web", ("http", 80, 8080), ("grpc", 90, 9090), ip="10.96.0.1") + pod("web-1", "10.0.0.1")


def inbound(text: str = WEB, **claims: object) -> Inbound:
    return Village(text).inbound("web-1", addresses=("10.0.0.1",), **claims)


def made(of: Inbound) -> dict[str, Cluster]:
    built = [clusters.build(key) for key in clusters.inbound_keys(of)]
    return {b.name: b.message for b in built if isinstance(b.message, Cluster)}


def socket(cluster: Cluster) -> tuple[str, int]:
    address = cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address
    return (address.pipe.path, 0) if address.HasField("pipe") else (address.socket_address.address, address.socket_address.port_value)


def test_requests_go_on_to_where_the_client_dialled_from_an_address_that_is_not_captured() -> None:
    found = made(inbound())
    assert list(found) == ["inbound|8080||", "inbound|9090||", "InboundPassthroughCluster"]
    for cluster in found.values():
        assert cluster.type == Cluster.ORIGINAL_DST
        assert cluster.upstream_bind_config.source_address.address == "127.0.0.6"
    assert "envoy.extensions.upstreams.http.v3.HttpProtocolOptions" in found["inbound|9090||"].typed_extension_protocol_options


def test_both_families_have_an_address() -> None:
    cluster = made(replace(inbound(), ipv4=True, ipv6=True))["inbound|8080||"]
    assert [a.address.address for a in cluster.upstream_bind_config.extra_source_addresses] == ["::6"]


def test_without_capture_the_app_is_on_localhost() -> None:
    cluster = made(inbound(captured=False))["inbound|8080||"]
    assert socket(cluster) == ("127.0.0.1", 8080)
    assert not cluster.HasField("upstream_bind_config")


def test_envoys_own_calls_carry_the_mark() -> None:
    for cluster in made(inbound(outbound_mark=1337)).values():
        (option,) = cluster.upstream_bind_config.socket_options
        assert (option.level, option.name, option.int_value) == (1, 36, 1337)


def test_a_sidecar_object_names_where_the_app_listens() -> None:
    ingress = "ingress: [{port: {number: 8080, name: http, protocol: HTTP}, defaultEndpoint: 'ENDPOINT'}]"
    for endpoint, expected in (("127.0.0.1:8888", ("127.0.0.1", 8888)), ("unix:///tmp/app.sock", ("/tmp/app.sock", 0))):
        assert socket(made(inbound(WEB + sidecar(ingress.replace("ENDPOINT", endpoint))))["inbound|8080||"]) == expected
    own = made(inbound(WEB + sidecar(ingress.replace("ENDPOINT", "0.0.0.0:8888"))))["inbound|8080||"]
    assert own.original_dst_lb_config.upstream_port_override.value == 8888


def test_the_connection_pool_is_the_rules_or_the_sidecars() -> None:
    rule = destination_rule("web", "host: web, trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}")
    found = made(inbound(WEB + rule))["inbound|8080||"]
    assert found.circuit_breakers.thresholds[0].max_connections.value == 5
    over = sidecar("inboundConnectionPool: {tcp: {maxConnections: 6}}")
    found = made(inbound(WEB + rule + over))["inbound|8080||"]
    assert found.circuit_breakers.thresholds[0].max_connections.value == 6


def test_envoy_takes_every_inbound_cluster() -> None:
    several = [
        inbound(outbound_mark=1337),
        replace(inbound(), ipv4=True, ipv6=True),
        inbound(captured=False),
        inbound(WEB + sidecar("ingress: [{port: {number: 8080, name: http, protocol: HTTP}, defaultEndpoint: 'unix:///tmp/app.sock'}]")),
    ]
    found = [(i, c) for i, each in enumerate(several) for c in made(each).values()]
    for i, cluster in found:
        cluster.name = f"{cluster.name}.{i}"
    assert rejected([c for _, c in found]) == ""
