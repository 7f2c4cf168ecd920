"""What a workload serves, and under which policies."""

import pytest
from tests.unit.snapshot.yamls import destination_rule, sidecar, thing
from tests.unit.world import Village, host, pod, service

from ostria.registry.model import MtlsMode, Protocol

_POD = pod("web-1", "10.0.0.1", ports=[("app", 8080)])


def test_service_ports_become_container_ports_by_number_or_name() -> None:
    inbound = Village(service("web", ("http", 80, "app"), ("grpc", 81, 9000)) + _POD).inbound("web-1")
    assert [(p.target, p.port.protocol, p.service.host) for p in inbound.ports] == [
        (8080, Protocol.HTTP, host("web")),
        (9000, Protocol.GRPC, host("web")),
    ]


def test_of_several_services_on_one_port_the_oldest_decides_and_the_others_are_told() -> None:
    village = Village(
        service("new", ("tcp", 80, 8080), selector={"app": "web"}, created="2024-01-02T00:00:00Z")
        + service("old", ("http", 80, 8080), selector={"app": "web"}, created="2024-01-01T00:00:00Z")
        + _POD
    )
    (port,) = village.inbound("web-1").ports
    assert (port.service.host, port.port.protocol, [s.host for s in port.others]) == (host("old"), Protocol.HTTP, [host("new")])


def test_a_pod_that_is_not_ready_yet_serves_already() -> None:
    assert len(Village(service("web", ("http", 80)) + pod("web-1", "10.0.0.1", ready=False)).inbound("web-1").ports) == 1


def test_a_service_entry_that_lists_its_address_counts_too() -> None:
    entry = thing(
        "ServiceEntry",
        "e",
        "hosts: [a.com], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 7000}], endpoints: [{address: 10.0.0.1}]",
    )
    village = Village(_POD + entry)
    assert [(p.target, p.service.host) for p in village.inbound("web-1").ports] == [(7000, "a.com")]
    village.delete("ServiceEntry", "e")
    assert village.inbound("web-1").ports == ()


def test_endpoints_alone_may_move_a_workloads_ports_and_seldom_do() -> None:
    def entry(*endpoints: str) -> str:
        spec = "hosts: [a.com], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}]"
        return thing("ServiceEntry", "e", f"{spec}, endpoints: [{', '.join(endpoints)}]")

    here, elsewhere = "{address: 10.0.0.1, ports: {http: 7000}}", "{address: 10.9.9.9, ports: {http: %s}}"
    village = Village(_POD + service("web", ("http", 80, "app")) + entry(here, elsewhere % 1))
    before = village.snapshot
    village.put(entry(here.replace("7000", "7001"), elsewhere % 1))
    assert [p.target for p in village.inbound("web-1").ports] == [7001, 8080]
    assert village.snapshot.places is not before.places
    before = village.snapshot
    village.put(entry(here.replace("7000", "7001"), elsewhere % 2))
    assert village.snapshot.world.endpoints is not before.world.endpoints
    assert village.snapshot.places is not before.places, "whether it is this workload's endpoint that moved is not looked at"
    village.put(entry(elsewhere % 2))
    assert [p.target for p in village.inbound("web-1").ports] == [8080]
    before = village.snapshot
    village.put(entry(elsewhere % 3))
    assert village.snapshot.places is before.places, "no workload is behind it"


def test_a_sidecars_ingress_replaces_the_services_ports() -> None:
    ingress = "workloadSelector: {labels: {app: web}}, inboundConnectionPool: {tcp: {maxConnections: 5}}, ingress: [{port: {number: 9999, protocol: GRPC, name: grpc}, defaultEndpoint: '127.0.0.1:7000'}, {port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: 'unix:///run/app', connectionPool: {tcp: {maxConnections: 3}}}]"
    inbound = Village(service("web", ("http", 80, 8080)) + _POD + sidecar(ingress)).inbound("web-1")
    first, second = inbound.ports
    assert (first.target, first.bind, first.service.host) == (8080, "unix:///run/app", host("web"))
    assert (second.target, second.bind, second.port.protocol, second.service.owner.kind) == (
        9999,
        "127.0.0.1:7000",
        Protocol.GRPC,
        "Sidecar",
    )
    assert first.connection_pool is not None
    assert inbound.connection_pool is not None


def test_a_destination_rule_bounds_its_own_servers_connections() -> None:
    rule = destination_rule("r", "host: web, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}")
    (port,) = Village(service("web", ("http", 80)) + _POD + rule).inbound("web-1").ports
    assert port.connection_pool is not None
    assert port.connection_pool.tcp is not None
    assert port.connection_pool.tcp.max_connections == 7


def _peer(name: str, spec: str, namespace: str = "default", created: str = "") -> str:
    return thing("PeerAuthentication", name, spec, namespace, created)


_WEB = "selector: {matchLabels: {app: web}}"


def test_mutual_tls_port_over_workload_over_namespace_over_mesh() -> None:
    village = Village(service("web", ("http", 80, 8080)) + _POD)
    modes = []
    for policy in (
        _peer("mesh", "mtls: {mode: STRICT}", "istio-system"),
        _peer("namespace", "mtls: {mode: DISABLE}"),
        _peer("workload", f"{_WEB}, mtls: {{mode: PERMISSIVE}}"),
        _peer("workload", f"{_WEB}, mtls: {{mode: UNSET}}, portLevelMtls: {{'8080': {{mode: STRICT}}, '9000': {{mode: PERMISSIVE}}}}"),
    ):
        village.put(policy)
        inbound = village.inbound("web-1")
        modes.append((inbound.mtls, inbound.ports[0].mtls))
    s, p, d = MtlsMode.STRICT, MtlsMode.PERMISSIVE, MtlsMode.DISABLE
    assert modes == [(s, s), (d, d), (p, p), (d, s)]
    assert village.inbound("web-1").port_mtls == ((9000, p),)


def test_an_unset_namespace_inherits_from_the_mesh() -> None:
    village = Village(_POD + _peer("mesh", "mtls: {mode: STRICT}", "istio-system") + _peer("own", "mtls: {mode: UNSET}"))
    assert village.inbound("web-1").mtls is MtlsMode.STRICT


def test_the_oldest_of_two_wins() -> None:
    village = Village(
        _POD
        + _peer("a", f"{_WEB}, mtls: {{mode: DISABLE}}", created="2024-01-02T00:00:00Z")
        + _peer("b", f"{_WEB}, mtls: {{mode: STRICT}}", created="2024-01-01T00:00:00Z")
    )
    assert village.inbound("web-1").mtls is MtlsMode.STRICT


def test_a_selector_in_the_root_namespace_selects_there_only() -> None:
    assert Village(_POD + _peer("a", f"{_WEB}, mtls: {{mode: STRICT}}", "istio-system")).inbound("web-1").mtls is MtlsMode.PERMISSIVE


def test_authorization_comes_custom_deny_allow_audit_with_the_roots_first() -> None:
    def policy(name: str, action: str, namespace: str = "default", more: str = "") -> str:
        return thing("AuthorizationPolicy", name, f"action: {action}, rules: [{{}}]{more}", namespace)

    village = Village(
        _POD
        + policy("audit", "AUDIT")
        + policy("allow", "ALLOW")
        + policy("deny", "DENY")
        + policy("root-deny", "DENY", "istio-system")
        + policy("custom", "CUSTOM", more=", provider: {name: x}")
        + policy("elsewhere", "DENY", "far")
        + policy("other", "DENY", more=", selector: {matchLabels: {app: other}}")
        + policy("root-web", "ALLOW", "istio-system", f", {_WEB}")
        + policy("waypoint", "DENY", more=", targetRefs: [{kind: Service, group: '', name: web}]")
    )
    assert [p.owner.name for p in village.inbound("web-1").security.authorization] == [
        "custom",
        "root-deny",
        "deny",
        "root-web",
        "allow",
        "audit",
    ]


@pytest.mark.parametrize(("written", "dry"), [("true", True), ("1", True), ("T", True), ("false", False), ("yes", False), ("tRuE", False)])
def test_a_dry_run_policy_is_marked(written: str, dry: bool) -> None:
    policy = thing("AuthorizationPolicy", "p", "rules: [{}]", annotations=f"istio.io/dry-run: '{written}'")
    assert Village(_POD + policy).inbound("web-1").security.authorization[0].dry_run is dry


def test_telemetry_is_one_for_each_level() -> None:
    def telemetry(name: str, spec: str = "", namespace: str = "default", created: str = "") -> str:
        return thing("Telemetry", name, spec, namespace, created)

    village = Village(
        _POD
        + telemetry("mesh", namespace="istio-system")
        + telemetry("young", created="2024-01-02T00:00:00Z")
        + telemetry("old", created="2024-01-01T00:00:00Z")
        + telemetry("workload", _WEB)
        + telemetry("root-workload", _WEB, "istio-system")
    )
    assert [o.name for o in village.inbound("web-1").telemetry.owners] == ["mesh", "old", "workload"]
    assert village.view("web-1").telemetry is village.inbound("web-1").telemetry


def test_envoy_filters_root_first_then_priority_then_age() -> None:
    def patch(name: str, more: str = "", namespace: str = "default", created: str = "") -> str:
        return thing(
            "EnvoyFilter",
            name,
            f"configPatches: [{{applyTo: CLUSTER, patch: {{operation: MERGE, value: {{}}}}}}]{more}",
            namespace,
            created,
        )

    village = Village(
        _POD
        + patch("b", created="2024-01-01T00:00:00Z")
        + patch("c", created="2024-01-02T00:00:00Z")
        + patch("a", ", priority: -1", created="2024-01-03T00:00:00Z")
        + patch("root", ", priority: 10", "istio-system")
        + patch("not-mine", ", workloadSelector: {labels: {app: other}}")
    )
    patches = village.inbound("web-1").patches
    assert [owner.name for owner, _ in patches.patches] == ["root", "a", "b", "c"]
    assert patches is village.view("web-1").patches


def test_patches_for_other_proxies_are_left_out() -> None:
    match = "configPatches: [{applyTo: CLUSTER, match: {proxy: {proxyVersion: '^1\\\\.2.*', metadata: {TIER: gold}}}, patch: {operation: MERGE, value: {}}}]"
    village = Village(_POD + thing("EnvoyFilter", "f", match.replace("\\\\\\\\", "\\\\").replace("'^1\\\\.2.*'", "'^1[.]2.*'")))
    assert len(village.view("web-1", version="1.25.0", metadata={"TIER": "gold"}).patches.patches) == 1
    assert village.view("web-1", version="1.31.0", metadata={"TIER": "gold"}).patches.patches == ()
    assert village.view("web-1", version="1.25.0").patches.patches == ()


def test_replicas_share_their_inbound_side() -> None:
    village = Village(service("web", ("http", 80, 8080)) + _POD + pod("web-2", "10.0.0.2"))
    assert village.inbound("web-1") is village.inbound("web-2")


def test_an_entry_that_joins_anothers_host_is_told_to_the_workloads_that_the_other_lists() -> None:
    entry = (
        "hosts: [b.example.com], ports: [{number: NUMBER, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: ADDRESS}]"
    )
    village = Village(_POD + thing("ServiceEntry", "first", entry.replace("NUMBER", "80").replace("ADDRESS", "10.0.0.1")))
    assert [p.service.ports[0].number for p in village.inbound("web-1").ports] == [80]
    village.put(thing("ServiceEntry", "second", entry.replace("NUMBER", "81").replace("ADDRESS", "10.0.0.60")))
    assert {port.number for p in village.inbound("web-1").ports for port in p.service.ports} == {80, 81}
