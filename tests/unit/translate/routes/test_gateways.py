"""Requests that come in through a gateway."""

from tests.unit.translate.routes.simulate import Outcome, Request, simulate
from tests.unit.translate.routes.villages import Village, server, service, village, virtual_service

WEB = service("web", 8000)
HTTP = "{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}"
TO_WEB = "{hosts: [www.example.com], gateways: [default/gw], http: [{route: [{destination: {host: web}}]}]}"


def get(view: Village, url: str, config: str = "http.8080", scheme: str = "http") -> Outcome:
    host, slash, path = url.partition("/")
    return simulate(view.config(config), Request(authority=host, path=slash + path or "/", scheme=scheme))


def cluster(outcome: Outcome) -> str:
    (only,) = outcome.clusters
    return only


def test_the_gateways_port_80_is_the_port_that_envoy_listens_on() -> None:
    edge = village(WEB, servers=[server(HTTP, virtual_service(TO_WEB), bind=8080)])
    assert edge.names == ["http.8080"]
    found = get(edge, "www.example.com/")
    assert cluster(found) == "outbound|8000||web.default.svc.cluster.local"
    assert found.virtual_host == "www.example.com:80"
    assert cluster(get(edge, "WWW.example.com:31380/")) == "outbound|8000||web.default.svc.cluster.local"
    assert get(edge, "other.example.com").status == 404


def test_a_gateway_without_routes_answers_404() -> None:
    edge = village(WEB, servers=[server(HTTP, bind=8080)])
    assert get(edge, "www.example.com").virtual_host == "blackhole:80"
    assert get(edge, "www.example.com").status == 404


def test_the_narrower_of_two_hosts_is_served() -> None:
    wide = virtual_service("{hosts: ['*.example.com'], gateways: [default/gw], http: [{route: [{destination: {host: web}}]}]}")
    narrow_server = "{hosts: [a.example.com, default/b.example.com, other/c.example.com], port: {number: 80, name: http, protocol: HTTP}}"
    edge = village(WEB, servers=[server(narrow_server, wide, bind=8080)])
    assert [get(edge, f"{x}.example.com").status for x in "abcd"] == [0, 0, 404, 404]


def test_a_dot_opens_a_host_to_the_gateways_own_namespace_only() -> None:
    own = "{hosts: ['./*'], port: {number: 80, name: http, protocol: HTTP}}"
    neighbour = virtual_service(TO_WEB, namespace="other")
    assert get(village(WEB, servers=[server(own, virtual_service(TO_WEB), bind=8080)]), "www.example.com").status == 0
    assert get(village(WEB, servers=[server(own, neighbour, bind=8080)]), "www.example.com").status == 404


def test_virtual_services_of_one_host_are_merged_oldest_first_with_what_matches_everything_last() -> None:
    older = virtual_service(
        "{hosts: [www.example.com], http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: a}}]}, {route: [{destination: {host: old}}]}]}",
        name="older",
    )
    younger = virtual_service(
        """
        hosts: [www.example.com]
        http:
        - match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}]
          route: [{destination: {host: b}}]
        - match: [{uri: {regex: .*}}]
          route: [{destination: {host: young}}]
        """,
        name="younger",
    )
    edge = village(WEB, servers=[server(HTTP, older, younger, bind=8080)])
    assert cluster(get(edge, "www.example.com/a")) == "outbound|80||a.default.svc.cluster.local"
    assert cluster(get(edge, "www.example.com/b")) == "outbound|80||b.default.svc.cluster.local"
    assert cluster(get(edge, "www.example.com/")) == "outbound|80||old.default.svc.cluster.local"


def test_servers_of_several_gateways_share_a_port() -> None:
    one = server(HTTP, virtual_service(TO_WEB), bind=8080)
    other = "{hosts: [shop.example.com], gateways: [shop/gw], http: [{route: [{destination: {host: shop}}]}]}"
    two = server(HTTP, virtual_service(other, namespace="shop"), namespace="shop", bind=8080)
    edge = village(WEB, servers=[one, two])
    assert edge.names == ["http.8080"]
    assert cluster(get(edge, "shop.example.com")) == "outbound|80||shop.shop.svc.cluster.local"
    assert cluster(get(edge, "www.example.com")) == "outbound|8000||web.default.svc.cluster.local"


def test_plain_http_is_redirected_whether_or_not_a_virtual_service_speaks_for_the_host() -> None:
    redirecting = (
        "{hosts: [www.example.com, default/shop.example.com], port: {number: 80, name: http, protocol: HTTP}, tls: {httpsRedirect: true}}"
    )
    edge = village(WEB, servers=[server(redirecting, virtual_service(TO_WEB), bind=8080)])
    for host in ("www", "shop"):
        found = get(edge, f"{host}.example.com/x")
        assert (found.status, found.location) == (301, f"https://{host}.example.com/x")
    assert get(edge, "www.example.com", scheme="https").status == 0
    assert get(edge, "other.example.com").status == 404


def test_each_https_server_has_its_own_configuration() -> None:
    text = "{hosts: [%s], port: {number: 443, name: %s, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: c}}"
    one = server(text % ("www.example.com", "https-a"), virtual_service(TO_WEB), bind=8443)
    two = server(text % ("shop.example.com", "https-b"), virtual_service(TO_WEB), bind=8443)
    through = server("{hosts: ['*'], port: {number: 444, name: tls, protocol: HTTPS}, tls: {mode: PASSTHROUGH}}", bind=8444)
    edge = village(WEB, servers=[one, two, through])
    assert edge.names == ["https.443.https-a.gw.default", "https.443.https-b.gw.default"]
    assert get(edge, "www.example.com", edge.names[0], "https").status == 0
    assert get(edge, "www.example.com", edge.names[1], "https").status == 404


def test_a_match_on_port_means_the_gateways_port() -> None:
    text = "{hosts: [www.example.com], http: [{match: [{port: 80}], route: [{destination: {host: a}}]}, {match: [{port: 8080}], route: [{destination: {host: b}}]}]}"
    edge = village(WEB, servers=[server(HTTP, virtual_service(text), bind=8080)])
    assert cluster(get(edge, "www.example.com")) == "outbound|80||a.default.svc.cluster.local"


def test_routes_for_the_mesh_or_for_another_gateway_are_left_out() -> None:
    text = "{hosts: [www.example.com], http: [{match: [{gateways: [mesh]}], redirect: {uri: /mesh}}, {match: [{gateways: [default/gw]}], route: [{destination: {host: web}}]}]}"
    edge = village(WEB, servers=[server(HTTP, virtual_service(text), bind=8080)])
    assert cluster(get(edge, "www.example.com")) == "outbound|8000||web.default.svc.cluster.local"


def test_hosts_with_the_same_routes_share_a_virtual_host() -> None:
    text = "{hosts: ['*.example.com', b.example.com, A.example.com], http: [{route: [{destination: {host: web}}]}]}"
    edge = village(WEB, servers=[server(HTTP, virtual_service(text), bind=8080)])
    (only,) = edge.config("http.8080").virtual_hosts
    assert only.name == "a.example.com:80"
    assert list(only.domains) == ["a.example.com", "b.example.com", "*.example.com"]


def test_a_redirect_knows_that_the_gateway_terminates_tls() -> None:
    text = "{hosts: [www.example.com], http: [{redirect: {uri: /new, derivePort: FROM_REQUEST_PORT}}]}"
    tls = "{hosts: ['*'], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: c}}"
    edge = village(WEB, servers=[server(tls, virtual_service(text), bind=8443)])
    assert get(edge, "www.example.com", edge.names[0], "https").location == "https://www.example.com/new"
