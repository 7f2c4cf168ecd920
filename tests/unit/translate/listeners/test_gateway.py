"""Servers of Gateways as listeners of a router."""

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import TlsParameters
from tests.unit.translate.listeners.reading import filter_names, inspectors, lines, manager, of_view, server_tls
from tests.unit.world import Village, pod, router, service, view_of

from ostria.snapshot.view import View
from ostria.translate import listeners, routes

EDGE = pod("edge", "10.1.0.1", "istio-system", labels={"istio": "ingressgateway"}, injected=False) + service(
    "istio-ingressgateway",
    ("http2", 80, 8080),
    ("https", 443, 8443),
    ("tcp", 31400),
    namespace="istio-system",
    ip="10.0.0.9",
    selector={"istio": "ingressgateway"},
)


def gateway(name: str, *servers: str, namespace: str = "default") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{", ".join(servers)}]
"""


def http(*hosts: str, tls: str = "") -> str:
    return f"{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [{_quoted(hosts)}]{tls}}}"


def https(name: str, *hosts: str, tls: str = "{mode: SIMPLE, credentialName: cert}") -> str:
    return f"{{port: {{number: 443, name: {name}, protocol: HTTPS}}, hosts: [{_quoted(hosts)}], tls: {tls}}}"


def tcp(*hosts: str, protocol: str = "TCP", tls: str = "") -> str:
    return f"{{port: {{number: 31400, name: tcp, protocol: {protocol}}}, hosts: [{_quoted(hosts)}]{tls}}}"


def _quoted(hosts: tuple[str, ...]) -> str:
    return ", ".join(f"'{h}'" for h in hosts)


def virtual_service(name: str, spec: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec: {spec}
"""


def view(*texts: str, proxy_protocol: bool = False, **mesh: object) -> View:
    village = Village("".join((EDGE, *texts)), mesh)
    claims = router(
        "edge",
        addresses=("10.1.0.1",),
        labels={"istio": "ingressgateway"},
        metadata={"OSTRIA_PROXY_PROTOCOL": "true"} if proxy_protocol else {},
    )
    return view_of(village.snapshot, claims)


def edge(*texts: str, **mesh: object) -> dict[str, Listener]:
    return of_view(view(*texts, **mesh))


def test_plain_http_servers_of_all_gateways_share_the_target_port() -> None:
    found = edge(gateway("a", http("a.example.com")), gateway("b", http("b.example.com")))
    assert list(found) == ["0.0.0.0_8080"]
    assert lines(found["0.0.0.0_8080"]) == ["all → HTTP http.8080"]
    assert inspectors(found["0.0.0.0_8080"]) == []
    assert not found["0.0.0.0_8080"].HasField("bind_to_port")


def test_what_a_gateway_believes_of_its_callers() -> None:
    found = edge(gateway("a", http("*")), defaultConfig={"gatewayTopology": {"numTrustedProxies": 2}})
    http_manager = manager(found["0.0.0.0_8080"].filter_chains[0])
    assert http_manager.use_remote_address.value
    assert http_manager.xff_num_trusted_hops == 2
    assert http_manager.forward_client_cert_details == HttpConnectionManager.SANITIZE_SET
    assert (http_manager.normalize_path.value, http_manager.merge_slashes) == (True, True)
    assert http_manager.server_name == "istio-envoy"
    assert filter_names(found["0.0.0.0_8080"].filter_chains[0]) == ["set_filter_state", "fault", "cors", "router"]


def test_https_servers_are_told_apart_by_server_name() -> None:
    found = edge(
        gateway("a", https("one", "a.example.com"), https("two", "ns/*.b.example.com", tls="{mode: SIMPLE, credentialName: other}"))
    )
    listener = found["0.0.0.0_8443"]
    assert lines(listener) == [
        "sni a.example.com → HTTP https.443.one.a.default inside TLS",
        "sni *.b.example.com → HTTP https.443.two.a.default inside TLS",
    ]
    assert inspectors(listener) == ["tls_inspector"]
    secret = server_tls(listener.filter_chains[0]).common_tls_context.tls_certificate_sds_secret_configs[0]
    assert secret.name == "kubernetes://cert"
    assert secret.sds_config.HasField("ads")
    assert list(server_tls(listener.filter_chains[0]).common_tls_context.alpn_protocols) == ["h2", "http/1.1"]


def test_statistics_are_called_by_the_listener_or_by_the_servers_own_name() -> None:
    named = https("one", "a.example.com").replace("{port", "{name: shop, port", 1)
    found = edge(gateway("a", http("*"), named, https("two", "b.example.com")))
    assert manager(found["0.0.0.0_8080"].filter_chains[0]).stat_prefix == "outbound_0.0.0.0_8080;"
    assert [manager(c).stat_prefix for c in found["0.0.0.0_8443"].filter_chains] == ["shop", "outbound_0.0.0.0_8443;"]


def test_a_server_whose_host_is_taken_is_left_out_and_its_neighbours_stay() -> None:
    found = edge(gateway("a", https("one", "a.example.com")), gateway("b", https("two", "a.example.com"), https("three", "c.example.com")))
    assert [line.partition(" →")[0] for line in lines(found["0.0.0.0_8443"])] == ["sni a.example.com", "sni c.example.com"]


@pytest.mark.parametrize(("mode", "required"), [("MUTUAL", True), ("OPTIONAL_MUTUAL", False)])
def test_clients_show_certificates(mode: str, required: bool) -> None:
    tls = f"{{mode: {mode}, credentialName: cert, subjectAltNames: [spiffe://a/b, c.example.com]}}"
    context = server_tls(edge(gateway("a", https("one", "*", tls=tls)))["0.0.0.0_8443"].filter_chains[0])
    assert context.require_client_certificate.value is required
    combined = context.common_tls_context.combined_validation_context
    assert combined.validation_context_sds_secret_config.name == "kubernetes://cert-cacert"
    names = combined.default_validation_context.match_typed_subject_alt_names
    assert {m.matcher.exact for m in names} == {"spiffe://a/b", "c.example.com"}


def test_the_secrets_that_a_listener_needs_are_named() -> None:
    tls = "{mode: MUTUAL, credentialName: cert}"
    (key,) = listeners.keys(view(gateway("a", https("one", "*", tls=tls))))
    assert [name for _, name in listeners.build(key).requires] == [
        "https.443.one.a.default",
        "kubernetes://cert",
        "kubernetes://cert-cacert",
    ]


def test_certificates_may_be_files() -> None:
    tls = "{mode: MUTUAL, serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem}"
    common = server_tls(edge(gateway("a", https("one", "*", tls=tls)))["0.0.0.0_8443"].filter_chains[0]).common_tls_context
    assert common.tls_certificate_sds_secret_configs[0].name == "file-cert:/c.pem~/k.pem"
    assert common.combined_validation_context.validation_context_sds_secret_config.name == "file-root:/ca.pem"


def test_versions_ciphers_and_curves_are_the_users_and_what_envoy_does_not_know_is_left_out() -> None:
    tls = """{mode: SIMPLE, credentialName: cert, minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_2,
              cipherSuites: [ECDHE-RSA-AES256-GCM-SHA384, NO-SUCH-CIPHER], ecdhCurves: [P-256, nonsense]}"""
    parameters = server_tls(edge(gateway("a", https("one", "*", tls=tls)))["0.0.0.0_8443"].filter_chains[0]).common_tls_context.tls_params
    assert parameters.tls_maximum_protocol_version == TlsParameters.TLSv1_2
    assert list(parameters.cipher_suites) == ["ECDHE-RSA-AES256-GCM-SHA384"]
    assert list(parameters.ecdh_curves) == ["P-256"]


def test_a_server_without_certificate_refuses_its_clients_only() -> None:
    found = edge(gateway("a", https("one", "a.example.com", tls="{mode: SIMPLE}"), https("two", "b.example.com")))
    assert lines(found["0.0.0.0_8443"]) == ["sni b.example.com → HTTP https.443.two.a.default inside TLS"]


def test_mutual_tls_of_the_mesh_ends_at_the_gateway() -> None:
    context = server_tls(edge(gateway("a", https("one", "*", tls="{mode: ISTIO_MUTUAL}")))["0.0.0.0_8443"].filter_chains[0])
    assert context.require_client_certificate.value
    assert context.common_tls_context.tls_certificate_sds_secret_configs[0].name == "default"


def test_tls_passes_through_by_the_server_names_of_virtual_services() -> None:
    routes_of = """{hosts: [nginx.example.com], gateways: [a], tls: [
        {match: [{port: 443, sniHosts: [nginx.example.com]}], route: [{destination: {host: nginx, port: {number: 443}}}]},
        {match: [{port: 443, sniHosts: [elsewhere.example.org]}], route: [{destination: {host: nginx}}]}]}"""
    found = edge(
        service("nginx", ("https", 443), ip="10.0.0.1"),
        gateway("a", https("one", "nginx.example.com", tls="{mode: PASSTHROUGH}")),
        virtual_service("nginx", routes_of),
    )
    assert lines(found["0.0.0.0_8443"]) == ["sni nginx.example.com → outbound|443||nginx.default.svc.cluster.local"]
    assert inspectors(found["0.0.0.0_8443"]) == ["tls_inspector"]


def test_auto_passthrough_goes_where_the_server_name_says() -> None:
    found = edge(
        service("reviews", ("http", 9080), ip="10.0.0.1"),
        gateway("a", "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}"),
    )
    name = "outbound_.9080_._.reviews.default.svc.cluster.local"
    assert f"sni {name} [istio-peer-exchange istio istio-http/1.0 istio-http/1.1 istio-h2] → {name}" in lines(found["0.0.0.0_8443"])


def test_tcp_servers_follow_tcp_routes() -> None:
    spec = """{hosts: ['*'], gateways: [a], tcp: [{match: [{port: 31400}], route: [
        {destination: {host: echo, subset: v1, port: {number: 9000}}, weight: 80}, {destination: {host: echo, subset: v2, port: {number: 9000}}, weight: 20}]}]}"""
    found = edge(service("echo", ("tcp", 9000), ip="10.0.0.1"), gateway("a", tcp("*")), virtual_service("echo", spec))
    name = "echo.default.svc.cluster.local"
    assert lines(found["0.0.0.0_31400"]) == [f"all → outbound|9000|v1|{name}=80 outbound|9000|v2|{name}=20"]


def test_tls_may_end_at_the_gateway_before_tcp() -> None:
    spec = "{hosts: [db.example.com], gateways: [a], tcp: [{route: [{destination: {host: echo, port: {number: 9000}}}]}]}"
    server = tcp("db.example.com", protocol="TLS", tls=", tls: {mode: SIMPLE, credentialName: cert}")
    found = edge(service("echo", ("tcp", 9000), ip="10.0.0.1"), gateway("a", server), virtual_service("echo", spec))
    assert lines(found["0.0.0.0_31400"]) == ["sni db.example.com → outbound|9000||echo.default.svc.cluster.local inside TLS"]
    assert list(server_tls(found["0.0.0.0_31400"].filter_chains[0]).common_tls_context.alpn_protocols) == []


def test_servers_that_cannot_share_a_port_leave_it_to_the_older_one() -> None:
    odd = "{port: {number: 80, name: tls, protocol: TLS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: cert}}"
    found = edge(gateway("a", http("*")), gateway("b", odd))
    assert lines(found["0.0.0.0_8080"]) == ["all → HTTP http.8080"]


def test_the_proxy_protocol_is_read_where_a_proxy_in_front_speaks_it() -> None:
    optional = of_view(view(gateway("a", http("*")), proxy_protocol=True))["0.0.0.0_8080"]
    assert inspectors(optional) == ["proxy_protocol"]
    demanded = edge(gateway("a", http("*")), defaultConfig={"gatewayTopology": {"proxyProtocol": {}}})["0.0.0.0_8080"]
    assert inspectors(demanded) == ["proxy_protocol"]
    assert optional.listener_filters != demanded.listener_filters


def test_every_route_configuration_that_a_gateway_names_exists() -> None:
    world = view(
        gateway(
            "a", http("a.example.com", tls=", tls: {httpsRedirect: true}"), https("one", "a.example.com"), https("two", "b.example.com")
        )
    )
    named = {n for k in listeners.keys(world) for kind, n in listeners.build(k).requires if "RouteConfiguration" in kind}
    assert named == {k.name for k in routes.keys(world)}


def test_policies_stand_at_the_gateway_too() -> None:
    policy = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: edge, namespace: istio-system}
spec: {selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{from: [{source: {remoteIpBlocks: [9.9.9.9]}}]}]}
"""
    found = edge(gateway("a", http("*")), policy)
    assert filter_names(found["0.0.0.0_8080"].filter_chains[0])[0] == "rbac"
