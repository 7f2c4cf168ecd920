"""Where a sidecar listens for its app, and where connections go."""

import pytest
from tests.unit.translate.listeners.reading import filter_names, inspectors, lines, manager, of_view, proxy
from tests.unit.world import Village, pod, service

from ostria.snapshot.view import View
from ostria.translate import listeners, routes
from ostria.translate.listeners.key import OutboundKey

SNIFFED = "raw [http/1.1 h2c]"
CLIENT = pod("client-1", "10.1.0.9")


def serves(*texts: str, **mesh: object) -> View:
    return Village("".join((CLIENT, *texts)), mesh).view("client-1")


def entry(name: str, spec: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec: {spec}
"""


def virtual_service(name: str, spec: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec: {spec}
"""


def sidecar(spec: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: default}}
spec: {spec}
"""


def test_captured_connections_to_unknown_addresses_pass_through_and_loops_end() -> None:
    virtual = of_view(serves())["virtualOutbound"]
    assert lines(virtual) == ["port 15001 → BlackHoleCluster", "all → PassthroughCluster"]
    assert virtual.use_original_dst.value
    assert virtual.address.socket_address.port_value == 15001


def test_registry_only_leaves_unknown_addresses_nowhere_to_go() -> None:
    found = of_view(serves(service("reviews", ("http", 9080), ip="10.0.0.1"), outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}))
    assert lines(found["virtualOutbound"])[-1] == "all → BlackHoleCluster"
    assert lines(found["0.0.0.0_9080"]) == [f"{SNIFFED} → HTTP 9080", "else → BlackHoleCluster"]


def test_http_services_on_one_port_share_a_listener_and_other_bytes_fall_through() -> None:
    found = of_view(serves(service("reviews", ("http", 9080), ip="10.0.0.1"), service("ratings", ("http", 9080), ip="10.0.0.2")))
    assert list(found) == ["virtualOutbound", "0.0.0.0_9080"]
    shared = found["0.0.0.0_9080"]
    assert lines(shared) == [f"{SNIFFED} → HTTP 9080", "else → PassthroughCluster"]
    assert inspectors(shared) == ["http_inspector"]
    assert shared.HasField("bind_to_port")
    assert not shared.bind_to_port.value
    assert shared.continue_on_listener_filters_timeout
    assert filter_names(shared.filter_chains[0]) == ["set_filter_state", "fault", "cors", "router"]


def test_a_tcp_service_has_a_listener_on_its_own_address_and_nothing_is_sniffed() -> None:
    found = of_view(serves(service("db", ("tcp-mysql", 3306), ip="10.0.0.3")))
    assert lines(found["10.0.0.3_3306"]) == ["all → outbound|3306||db.default.svc.cluster.local"]
    assert inspectors(found["10.0.0.3_3306"]) == []


def test_a_port_without_protocol_is_sniffed_on_its_own_address() -> None:
    found = of_view(serves(service("echo", ("some", 7000), ip="10.0.0.4")))
    assert lines(found["10.0.0.4_7000"]) == [
        "all → outbound|7000||echo.default.svc.cluster.local",
        f"{SNIFFED} → HTTP echo.default.svc.cluster.local:7000",
    ]


def test_a_headless_tcp_service_is_listened_for_on_each_endpoint() -> None:
    found = of_view(serves(service("db", ("tcp", 5432), clusterIP="None"), pod("db-0", "10.1.0.1"), pod("db-1", "10.1.0.2")))
    assert list(found) == ["virtualOutbound", "10.1.0.1_5432", "10.1.0.2_5432"]
    assert lines(found["10.1.0.2_5432"]) == ["all → outbound|5432||db.default.svc.cluster.local"]


def test_an_entry_without_addresses_that_selects_workloads_is_listened_for_on_each_of_them() -> None:
    spec = "{hosts: [db.mesh], ports: [{number: 5432, name: tcp, protocol: TCP}], resolution: NONE, workloadSelector: {labels: {app: db}}}"
    found = of_view(serves(entry("db", spec), pod("db-0", "10.1.0.1"), pod("db-1", "10.1.0.2")))
    assert list(found) == ["virtualOutbound", "10.1.0.1_5432", "10.1.0.2_5432"]
    assert lines(found["10.1.0.1_5432"]) == ["all → outbound|5432||db.mesh"]


def test_a_headless_http_service_shares_the_port_of_all() -> None:
    found = of_view(serves(service("web", ("http", 80), clusterIP="None"), pod("web-0", "10.1.0.1")))
    assert list(found) == ["virtualOutbound", "0.0.0.0_80"]


def test_http_and_tcp_services_without_address_share_a_port() -> None:
    tcp = entry("legacy", "{hosts: [legacy.example.com], ports: [{number: 9080, name: tcp, protocol: TCP}], resolution: NONE}")
    found = of_view(serves(service("reviews", ("http", 9080), ip="10.0.0.1"), tcp))
    assert sorted(lines(found["0.0.0.0_9080"])) == ["all → outbound|9080||legacy.example.com", f"{SNIFFED} → HTTP 9080"]


def test_https_of_the_outside_world_is_told_apart_by_server_name() -> None:
    ports = "ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS"
    found = of_view(
        serves(
            entry("a", f"{{hosts: [a.example.com], {ports}, addresses: []}}"),
            entry("b", f"{{hosts: ['*.example.com'], {ports.replace('DNS', 'NONE')}}}"),
        )
    )
    assert sorted(lines(found["0.0.0.0_443"])) == [
        "else → PassthroughCluster",
        "sni *.example.com → outbound|443||*.example.com",
        "sni a.example.com → outbound|443||a.example.com",
    ]
    assert inspectors(found["0.0.0.0_443"]) == ["tls_inspector"]


def test_a_range_of_addresses_is_a_match_on_the_port_of_all() -> None:
    spec = "{hosts: [vm.example.com], addresses: [172.16.0.0/24], ports: [{number: 3000, name: tcp, protocol: TCP}], resolution: NONE}"
    found = of_view(serves(entry("vm", spec)))
    assert lines(found["0.0.0.0_3000"]) == ["to 172.16.0.0/24 → outbound|3000||vm.example.com", "else → PassthroughCluster"]


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [
        ("MySQL", "HTTP", ["all → outbound|3306||a.example.com"]),
        ("HTTP", "MySQL", [f"{SNIFFED} → HTTP 3306", "else → PassthroughCluster"]),
        ("HTTP", "TCP", ["all → outbound|3306||b.example.com", f"{SNIFFED} → HTTP 3306"]),
    ],
)
def test_where_the_server_speaks_first_the_port_is_not_shared(first: str, second: str, where: list[str]) -> None:
    spec = "{{hosts: [{}.example.com], ports: [{{number: 3306, name: p, protocol: {}}}], resolution: DNS}}"
    found = of_view(serves(entry("a", spec.format("a", first)), entry("b", spec.format("b", second))))
    assert lines(found["0.0.0.0_3306"]) == where


def test_tcp_routes_split_connections_by_weight() -> None:
    split = """{hosts: [echo], tcp: [{route: [{destination: {host: echo, subset: v1}, weight: 80},
               {destination: {host: echo, subset: v2}, weight: 20}, {destination: {host: echo, subset: v3}, weight: 0}]}]}"""
    found = of_view(serves(service("echo", ("tcp", 9000), ip="10.0.0.5"), virtual_service("echo", split)))
    name = "echo.default.svc.cluster.local"
    assert lines(found["10.0.0.5_9000"]) == [f"all → outbound|9000|v1|{name}=80 outbound|9000|v2|{name}=20"]
    assert proxy(found["10.0.0.5_9000"].filter_chains[0]).stat_prefix == "echo.default"


def test_connections_that_are_split_obey_the_rule_of_the_first_destination() -> None:
    split = """{hosts: [echo], tcp: [{route: [{destination: {host: echo, subset: v1}, weight: 80}, {destination: {host: other}, weight: 20}]}]}"""
    rule = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo, namespace: default}
spec:
  host: echo
  trafficPolicy: {connectionPool: {tcp: {idleTimeout: 7s, maxConnectionDuration: 9s}}, loadBalancer: {consistentHash: {useSourceIp: true}}}
"""
    found = of_view(serves(service("echo", ("tcp", 9000), ip="10.0.0.5"), virtual_service("echo", split), rule))
    tcp = proxy(found["10.0.0.5_9000"].filter_chains[0])
    assert (tcp.idle_timeout.seconds, tcp.max_downstream_connection_duration.seconds, len(tcp.hash_policy)) == (7, 9, 1)
    assert tcp.stat_prefix == "echo.default"


def test_tcp_routes_for_another_port_or_gateway_do_not_count() -> None:
    other = """{hosts: [echo], tcp: [{match: [{port: 1}], route: [{destination: {host: wrong.example.com}}]},
               {match: [{gateways: [istio-system/edge]}], route: [{destination: {host: wrong.example.com}}]}]}"""
    found = of_view(serves(service("echo", ("tcp", 9000), ip="10.0.0.5"), virtual_service("echo", other)))
    assert lines(found["10.0.0.5_9000"]) == ["all → outbound|9000||echo.default.svc.cluster.local"]


def test_tcp_routes_by_destination_address_stand_before_the_service() -> None:
    by_address = "{hosts: [echo], tcp: [{match: [{destinationSubnets: [10.0.0.0/30]}], route: [{destination: {host: other.example.com}}]}]}"
    found = of_view(serves(service("echo", ("tcp", 9000), ip="10.0.0.5"), virtual_service("echo", by_address)))
    assert lines(found["10.0.0.5_9000"]) == [
        "to 10.0.0.0/30 → outbound|9000||other.example.com",
        "all → outbound|9000||echo.default.svc.cluster.local",
    ]


def test_tls_routes_choose_by_server_name_and_the_first_of_equal_matches_counts() -> None:
    spec = """{hosts: [secure], tls: [
        {match: [{port: 443, sniHosts: [a.example.com]}], route: [{destination: {host: secure, subset: v1}}]},
        {match: [{port: 443, sniHosts: [a.example.com, b.example.com]}], route: [{destination: {host: secure, subset: v2}}]}]}"""
    found = of_view(serves(service("secure", ("https", 443), ip="10.0.0.6"), virtual_service("secure", spec)))
    name = "secure.default.svc.cluster.local"
    assert lines(found["10.0.0.6_443"]) == [
        f"sni a.example.com → outbound|443|v1|{name}",
        f"sni b.example.com → outbound|443|v2|{name}",
    ]


def test_a_rule_may_say_how_connections_are_kept() -> None:
    rule = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: default}
spec:
  host: db
  trafficPolicy:
    connectionPool: {tcp: {idleTimeout: 90s, maxConnectionDuration: 1h}}
    loadBalancer: {consistentHash: {useSourceIp: true}}
    tunnel: {protocol: POST, targetHost: far.example.com, targetPort: 8443}
"""
    tcp = proxy(of_view(serves(service("db", ("tcp", 5432), ip="10.0.0.3"), rule))["10.0.0.3_5432"].filter_chains[0])
    assert tcp.idle_timeout.seconds == 90
    assert tcp.max_downstream_connection_duration.seconds == 3600
    assert tcp.hash_policy[0].HasField("source_ip")
    assert (tcp.tunneling_config.hostname, tcp.tunneling_config.use_post) == ("far.example.com:8443", True)


def test_a_port_that_a_sidecar_declares_belongs_to_it_alone() -> None:
    scope = sidecar(
        "{egress: [{port: {number: 9080, name: http, protocol: HTTP}, hosts: ['./reviews.default.svc.cluster.local']}, {hosts: ['./*']}]}"
    )
    view = serves(
        service("reviews", ("http", 9080), ip="10.0.0.1"), service("ratings", ("http", 9080), ("tcp", 5000), ip="10.0.0.2"), scope
    )
    found = of_view(view)
    assert list(found) == ["virtualOutbound", "0.0.0.0_9080", "10.0.0.2_5000"]


def test_a_sidecar_may_listen_on_a_real_port_or_a_unix_socket() -> None:
    scope = sidecar("""{egress: [
        {port: {number: 5432, name: tcp, protocol: TCP}, captureMode: NONE, hosts: ['./db.default.svc.cluster.local']},
        {port: {number: 0, name: http, protocol: HTTP}, bind: 'unix:///var/run/reviews.sock', hosts: ['./reviews.default.svc.cluster.local']}]}""")
    view = serves(service("db", ("tcp", 5432), ip="10.0.0.3"), service("reviews", ("http", 9080), ip="10.0.0.1"), scope)
    found = of_view(view)
    real = found["127.0.0.1_5432"]
    assert lines(real) == ["all → outbound|5432||db.default.svc.cluster.local"]
    assert not real.HasField("bind_to_port")
    unix = next(one for one in found.values() if one.address.HasField("pipe"))
    assert unix.address.pipe.path == "/var/run/reviews.sock"
    assert {k.name for k in routes.keys(view)} >= {manager(unix.filter_chains[0]).rds.route_config_name}


def test_without_capture_apps_reach_the_mesh_through_a_proxy_port() -> None:
    view = Village(CLIENT + service("reviews", ("http", 9080), ip="10.0.0.1")).view("client-1", captured=False, http_proxy_port=15007)
    found = of_view(view)
    assert list(found) == ["127.0.0.1_15007"]
    assert lines(found["127.0.0.1_15007"]) == ["all → HTTP http_proxy"]
    assert manager(found["127.0.0.1_15007"].filter_chains[0]).http_protocol_options.allow_absolute_url.value


def test_both_ip_families_are_listened_for() -> None:
    village = Village(pod("client-1", "10.1.0.9") + service("reviews", ("http", 9080), ip="10.0.0.1"))
    found = of_view(village.view("client-1", addresses=("10.1.0.9", "fd00::9")))
    for name in ("virtualOutbound", "0.0.0.0_9080"):
        assert [a.address.socket_address.address for a in found[name].additional_addresses] == ["::"]


def test_grpc_web_is_translated_and_udp_left_alone() -> None:
    udp = {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}
    found = of_view(serves(service("web", ("grpc-web", 8080), ip="10.0.0.1"), service("dns", ip="10.0.0.2", **udp)))
    assert list(found) == ["virtualOutbound", "0.0.0.0_8080"]
    assert filter_names(found["0.0.0.0_8080"].filter_chains[0])[0] == "grpc_web"


def test_every_route_configuration_that_a_listener_names_exists() -> None:
    view = serves(
        service("reviews", ("http", 9080), ("some", 7000), ip="10.0.0.1"),
        service("db", ("tcp", 5432), ("other", 5433), clusterIP="None"),
        pod("db-0", "10.1.0.1"),
        entry(
            "ext", "{hosts: [e.example.com], ports: [{number: 8000, name: a, protocol: HTTP}, {number: 8001, name: b}], resolution: DNS}"
        ),
    )
    known = {k.name for k in routes.keys(view)}
    named = {name for k in listeners.keys(view) for _, name in listeners.build(k).requires}
    assert named
    assert named <= known


def test_a_change_of_http_routing_leaves_every_listener_as_it_is() -> None:
    village = Village(CLIENT + service("reviews", ("http", 9080), ip="10.0.0.1") + service("db", ("tcp", 5432), ip="10.0.0.2"))
    before = listeners.keys(village.view("client-1"))
    village.put(virtual_service("reviews", "{hosts: [reviews], http: [{route: [{destination: {host: reviews}}], timeout: 3s}]}"))
    after = listeners.keys(village.view("client-1"))
    assert before == after
    assert hash(before) == hash(after)


@pytest.mark.parametrize("count", [3])
def test_what_made_a_listener_is_known(count: int) -> None:
    texts = [service(f"s{i}", ("http", 80), ip=f"10.0.0.{i + 1}") for i in range(count)]
    key = next(k for k in listeners.keys(serves(*texts)) if isinstance(k, OutboundKey))
    assert [str(o) for o in listeners.build(key).origins] == [f"Service default/s{i}" for i in range(count)]


def test_matches_that_envoy_would_refuse_cost_nobody_else_a_listener() -> None:
    spec = """{hosts: [secure], tls: [
        {match: [{sniHosts: ['*wrong.example.com']}], route: [{destination: {host: secure, subset: v1}}]},
        {match: [{sniHosts: ['*.example.com', 'b*.example.com']}], route: [{destination: {host: secure, subset: v2}}]}]}"""
    found = of_view(serves(service("secure", ("tls", 443), ip="10.0.0.6"), virtual_service("secure", spec)))
    assert lines(found["10.0.0.6_443"]) == ["sni *.example.com → outbound|443|v2|secure.default.svc.cluster.local"]
