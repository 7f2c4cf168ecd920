"""What reaches a workload, and through what."""

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from tests.unit.translate.listeners.reading import filter_names, inspectors, lines, manager, of_inbound, proxy, server_tls, unpack
from tests.unit.world import Village, pod, service

from ostria.translate import listeners

MESH = "istio-peer-exchange istio istio-http/1.0 istio-http/1.1 istio-h2"
MESH_HTTP = "istio-http/1.0 istio-http/1.1 istio-h2"
APP = pod("app-1", "10.1.0.1")
PASSTHROUGH = [
    f"tls [{MESH_HTTP}] → HTTP InboundPassthroughCluster inside TLS",
    "raw [http/1.1 h2c] → HTTP InboundPassthroughCluster",
    "tls [istio-peer-exchange istio] → InboundPassthroughCluster inside TLS",
    "raw → InboundPassthroughCluster",
    "tls → InboundPassthroughCluster",
]
STRICT_PASSTHROUGH = [
    f"tls [{MESH_HTTP}] → HTTP InboundPassthroughCluster inside TLS",
    "tls → InboundPassthroughCluster inside TLS",
]


def mtls(mode: str, ports: str = "") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: default}}
spec: {{selector: {{matchLabels: {{app: app}}}}, mtls: {{mode: {mode}}}{ports}}}
"""


def inbound(*texts: str, **claims: object) -> dict[str, Listener]:
    return of_inbound(Village("".join((APP, *texts))).inbound("app-1", **claims))


def virtual(*texts: str) -> Listener:
    return inbound(*texts)["virtualInbound"]


def chains(listener: Listener, port: int) -> list[str]:
    return [line.removeprefix(f"port {port} ") for line in lines(listener) if line.startswith(f"port {port} ")]


def test_ports_that_nobody_declared_pass_through_and_loops_end() -> None:
    listener = virtual()
    assert lines(listener) == ["port 15006 → BlackHoleCluster", *PASSTHROUGH]
    assert inspectors(listener) == ["original_dst", "tls_inspector", "http_inspector"]
    assert listener.listener_filters_timeout.seconds == 1
    assert not listener.HasField("use_original_dst")


def test_permissive_http() -> None:
    listener = virtual(service("app", ("http", 80, 8080)))
    assert chains(listener, 8080) == [f"tls [{MESH}] → HTTP inbound|8080|| inside TLS", "raw → HTTP inbound|8080||"]


def test_permissive_tcp() -> None:
    listener = virtual(service("app", ("tcp", 9000)))
    assert chains(listener, 9000) == [f"tls [{MESH}] → inbound|9000|| inside TLS", "tls → inbound|9000||", "raw → inbound|9000||"]


def test_permissive_and_sniffed() -> None:
    listener = virtual(service("app", ("some", 7000)))
    assert chains(listener, 7000) == [line.replace("InboundPassthroughCluster", "inbound|7000||") for line in PASSTHROUGH]


@pytest.mark.parametrize(("name", "where"), [("http", "HTTP inbound|80||"), ("tcp", "inbound|80||"), ("https", "inbound|80||")])
def test_strict_takes_mutual_tls_only(name: str, where: str) -> None:
    listener = virtual(service("app", (name, 80)), mtls("STRICT"))
    assert lines(listener) == ["port 15006 → BlackHoleCluster", *STRICT_PASSTHROUGH, f"port 80 tls → {where} inside TLS"]
    assert inspectors(listener) == ["original_dst", "tls_inspector"]


def test_strict_and_sniffed() -> None:
    listener = virtual(service("app", ("some", 7000)), mtls("STRICT"))
    assert chains(listener, 7000) == [line.replace("InboundPassthroughCluster", "inbound|7000||") for line in STRICT_PASSTHROUGH]


def test_disabled_leaves_tls_to_the_app() -> None:
    listener = virtual(service("app", ("http", 80), ("tcp", 90), ("some", 70)), mtls("DISABLE"))
    assert lines(listener)[:3] == [
        "port 15006 → BlackHoleCluster",
        "[http/1.1 h2c] → HTTP InboundPassthroughCluster",
        "all → InboundPassthroughCluster",
    ]
    assert chains(listener, 80) == ["→ HTTP inbound|80||"]
    assert chains(listener, 90) == ["→ inbound|90||"]
    assert chains(listener, 70) == ["[http/1.1 h2c] → HTTP inbound|70||", "→ inbound|70||"]
    assert inspectors(listener) == ["original_dst", "http_inspector"]


def test_one_port_may_have_a_mode_of_its_own() -> None:
    listener = virtual(service("app", ("http", 80)), mtls("STRICT", ", portLevelMtls: {80: {mode: DISABLE}, 81: {mode: PERMISSIVE}}"))
    assert chains(listener, 80) == ["→ HTTP inbound|80||"]
    assert chains(listener, 81) == PASSTHROUGH
    assert [line for line in lines(listener) if line.startswith("tls")] == STRICT_PASSTHROUGH


def test_nothing_waits_for_the_client_on_ports_where_the_server_may_speak_first() -> None:
    listener = virtual(service("app", ("tcp-mysql", 3306), ("http", 80)), mtls("STRICT", ", portLevelMtls: {3306: {mode: DISABLE}}"))
    (tls,) = [f for f in listener.listener_filters if f.name.endswith("tls_inspector")]
    assert (tls.filter_disabled.destination_port_range.start, tls.filter_disabled.destination_port_range.end) == (3306, 3307)


def test_the_server_demands_a_certificate_of_this_mesh() -> None:
    listener = of_inbound(
        Village(APP + service("app", ("http", 80)), {"trustDomain": "new.example", "trustDomainAliases": ["old.example"]}).inbound("app-1")
    )["virtualInbound"]
    context = server_tls(next(c for c in listener.filter_chains if c.filter_chain_match.destination_port.value == 80))
    assert context.require_client_certificate.value
    common = context.common_tls_context
    assert common.tls_certificate_sds_secret_configs[0].name == "default"
    assert common.combined_validation_context.validation_context_sds_secret_config.name == "ROOTCA"
    names = common.combined_validation_context.default_validation_context.match_typed_subject_alt_names
    assert [m.matcher.prefix for m in names] == ["spiffe://new.example/", "spiffe://old.example/"]
    assert list(common.alpn_protocols) == ["h2", "http/1.1"]


def test_the_app_is_told_who_calls() -> None:
    listener = virtual(service("app", ("http", 80, 8080)))
    http = manager(next(c for c in listener.filter_chains if c.filter_chain_match.destination_port.value == 8080))
    assert http.forward_client_cert_details == HttpConnectionManager.APPEND_FORWARD
    told = http.set_current_client_cert_details
    assert (told.subject.value, told.uri, told.dns, told.cert) == (True, True, True, False)
    assert http.server_name == "istio-envoy"
    assert not http.use_remote_address.value
    assert (http.normalize_path.value, http.merge_slashes) == (True, False)
    assert http.route_config.virtual_hosts[0].routes[0].decorator.operation == "app.default.svc.cluster.local:80/*"
    assert http.upgrade_configs[0].upgrade_type == "websocket"


def test_without_capture_each_port_is_opened_on_the_workloads_own_address() -> None:
    found = inbound(service("app", ("http", 80, 8080), ("tcp", 9000)), captured=False, addresses=("127.0.0.7",))
    assert list(found) == ["127.0.0.7_8080", "127.0.0.7_9000"]
    opened = found["127.0.0.7_8080"]
    assert opened.address.socket_address.port_value == 8080
    assert lines(opened)[-1] == "raw → HTTP inbound|8080||"
    assert inspectors(opened) == ["tls_inspector"]


def test_tproxy_keeps_the_callers_address() -> None:
    listener = inbound(tproxy=True)["virtualInbound"]
    assert listener.transparent.value
    assert inspectors(listener)[:2] == ["original_dst", "original_src"]


def own_certificate(protocol: str) -> str:
    """A Sidecar that ends TLS of callers from outside with a certificate of its own."""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: app, namespace: default}}
spec:
  ingress:
  - port: {{number: 9443, name: https, protocol: {protocol}}}
    defaultEndpoint: 127.0.0.1:8080
    tls: {{mode: SIMPLE, serverCertificate: /etc/cert.pem, privateKey: /etc/key.pem}}
"""


def test_a_sidecar_ingress_ends_tls_for_callers_from_outside() -> None:
    ingress = own_certificate("HTTP")
    listener = virtual(service("app", ("https", 9443)), ingress)
    assert chains(listener, 9443) == [f"tls [{MESH}] → HTTP inbound|9443|| inside TLS", "tls → HTTP inbound|9443|| inside TLS"]
    strict = virtual(service("app", ("https", 9443)), ingress, mtls("STRICT"))
    assert chains(strict, 9443) == ["tls → HTTP inbound|9443|| inside TLS"]
    own = server_tls(strict.filter_chains[-1]).common_tls_context.tls_certificate_sds_secret_configs[0].name
    assert own == "default"


def test_https_whose_tls_ends_at_the_sidecar_is_http() -> None:
    ingress = own_certificate("HTTPS")
    listener = virtual(service("app", ("https", 9443)), ingress, mtls("STRICT", ", portLevelMtls: {9443: {mode: DISABLE}}"))
    assert chains(listener, 9443) == ["tls → HTTP inbound|9443|| inside TLS"]


def test_statistics_carry_istios_names() -> None:
    listener = virtual(service("app", ("http", 80, 8080)))
    by_name = {c.name: manager(c).stat_prefix for c in listener.filter_chains if c.filters[-1].name.endswith("http_connection_manager")}
    assert by_name == {"virtualInbound-catchall-http": "InboundPassthroughCluster;", "0.0.0.0_8080": "inbound_0.0.0.0_8080;"}


def test_connection_settings_of_the_workload_are_the_servers() -> None:
    pools = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: app, namespace: default}
spec: {inboundConnectionPool: {http: {idleTimeout: 7s, maxRequestsPerConnection: 3}, tcp: {idleTimeout: 9s}}}
"""
    listener = virtual(service("app", ("http", 80), ("tcp", 90)), pools)
    by_port = {c.filter_chain_match.destination_port.value: c for c in listener.filter_chains}
    assert manager(by_port[80]).common_http_protocol_options.idle_timeout.seconds == 7
    assert manager(by_port[80]).common_http_protocol_options.max_requests_per_connection.value == 3
    assert proxy(by_port[90]).idle_timeout.seconds == 9


def test_policies_stand_before_the_app_on_every_port() -> None:
    policy = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nothing, namespace: default}
spec: {}
"""
    listener = virtual(service("app", ("http", 80), ("tcp", 90), ("some", 70)), policy)
    for chain in listener.filter_chains[1:]:
        if chain.filters[-1].name.endswith("http_connection_manager"):
            assert filter_names(chain) == ["rbac", "router"]
        else:
            assert [f.name.rpartition(".")[2] for f in chain.filters] == ["rbac", "tcp_proxy"]


def test_an_authorizer_is_asked_unless_the_policy_is_on_dry_run() -> None:
    policy = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: default, annotations: {istio.io/dry-run: "%s"}}
spec: {action: CUSTOM, provider: {name: opa}, rules: [{}]}
"""
    mesh = {"extensionProviders": [{"name": "opa", "envoyExtAuthzGrpc": {"service": "opa.example.com", "port": 9000}}]}

    def filters(dry_run: str) -> list[str]:
        inbound = Village(APP + service("app", ("http", 80)) + policy % dry_run, mesh).inbound("app-1")
        return filter_names(of_inbound(inbound)["virtualInbound"].filter_chains[-1])

    assert filters("false") == ["rbac", "ext_authz", "router"]
    assert filters("true") == ["router"]


def test_where_no_authorizer_can_be_asked_what_the_policy_matches_is_denied() -> None:
    policy = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: default}
spec: {action: CUSTOM, provider: {name: nobody}, rules: [{to: [{operation: {paths: [/admin]}}]}]}
"""
    (chain,) = [c for c in virtual(service("app", ("http", 80)), policy, mtls("DISABLE")).filter_chains if c.name == "0.0.0.0_80"]
    denied = unpack(manager(chain).http_filters[0].typed_config, RBAC).rules
    assert denied.action == denied.DENY
    assert list(denied.policies) == ["istio-ext-authz-nobody-ns[default]-policy[ask]-rule[0]-deny-due-to-bad-CUSTOM-action"]
    (matched,) = denied.policies.values()
    assert matched.permissions[0].url_path.path.exact == "/admin"


def test_replicas_share_their_key() -> None:
    village = Village(APP + pod("app-2", "10.1.0.2") + service("app", ("http", 80)))
    one, two = (listeners.inbound_keys(village.inbound(name)) for name in ("app-1", "app-2"))
    assert one == two
    assert hash(one) == hash(two)
