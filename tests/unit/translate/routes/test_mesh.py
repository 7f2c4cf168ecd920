"""Requests inside the mesh."""

import pytest
from tests.unit.translate.routes.simulate import Outcome, Request, simulate
from tests.unit.translate.routes.villages import Village, service, village, virtual_service

from ostria.api.networking.destination import Destination, PortNumber
from ostria.registry.model import Port, Protocol
from ostria.snapshot.view import EgressListener, Generator, OutboundPolicy
from ostria.translate import routes

REVIEWS = service("reviews", 9080, addresses=("10.0.0.2",))
RATINGS = service("ratings", 9080, addresses=("10.0.0.3",))


def get(view: Village, url: str, port: str = "9080", **headers: str) -> Outcome:
    host, slash, path = url.partition("/")
    return simulate(
        view.config(port), Request(authority=host, path=slash + path or "/", headers={k.replace("_", "-"): v for k, v in headers.items()})
    )


def cluster(outcome: Outcome) -> str:
    (only,) = outcome.clusters
    return only


JASON = virtual_service(
    """
    hosts: [reviews]
    http:
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: reviews, subset: v2}}]
    - route: [{destination: {host: reviews, subset: v1}}]
    """,
    name="reviews",
)


def test_get_reviews_from_productpage_as_jason_reaches_reviews_v2() -> None:
    mesh = village(REVIEWS, RATINGS, virtual_services=[JASON])
    assert cluster(get(mesh, "reviews:9080/reviews/0", end_user="jason")) == "outbound|9080|v2|reviews.default.svc.cluster.local"
    assert cluster(get(mesh, "reviews:9080/reviews/0", end_user="mary")) == "outbound|9080|v1|reviews.default.svc.cluster.local"
    assert cluster(get(mesh, "reviews:9080/reviews/0")) == "outbound|9080|v1|reviews.default.svc.cluster.local"
    assert cluster(get(mesh, "ratings:9080/ratings/0", end_user="jason")) == "outbound|9080||ratings.default.svc.cluster.local"


@pytest.mark.parametrize(
    "name", ["reviews", "reviews.default", "reviews.default.svc", "reviews.default.svc.cluster.local", "REVIEWS.Default", "10.0.0.2"]
)
def test_a_neighbour_may_call_a_service_by_any_of_its_names(name: str) -> None:
    mesh = village(REVIEWS)
    assert get(mesh, name).virtual_host == "reviews.default.svc.cluster.local:9080"
    assert get(mesh, f"{name}:9080").virtual_host == "reviews.default.svc.cluster.local:9080"


def test_another_namespace_must_say_which_namespace_it_means() -> None:
    mesh = village(REVIEWS, namespace="other")
    assert get(mesh, "reviews").virtual_host == "allow_any"
    assert get(mesh, "reviews.default").virtual_host == "reviews.default.svc.cluster.local:9080"


def test_unknown_hosts_pass_through_unless_the_mesh_is_registry_only() -> None:
    assert cluster(get(village(REVIEWS), "example.com")) == "PassthroughCluster"
    assert get(village(REVIEWS, outbound_policy=OutboundPolicy(allow_any=False)), "example.com").status == 502


def test_unknown_hosts_go_to_the_egress_proxy_that_the_sidecar_names() -> None:
    proxy = Destination(host="egress.default.svc.cluster.local", port=PortNumber(number=8888))
    mesh = village(REVIEWS, outbound_policy=OutboundPolicy(allow_any=True, egress_proxy=proxy))
    assert cluster(get(mesh, "example.com")) == "outbound|8888||egress.default.svc.cluster.local"


def test_only_the_oldest_virtual_service_of_a_host_counts() -> None:
    younger = virtual_service("{hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v3}}]}]}", name="younger")
    mesh = village(REVIEWS, virtual_services=[JASON, younger])
    assert cluster(get(mesh, "reviews/")) == "outbound|9080|v1|reviews.default.svc.cluster.local"


def test_a_named_host_is_stronger_than_an_older_wildcard_and_the_longest_wildcard_wins() -> None:
    everyone = virtual_service("{hosts: ['*.svc.cluster.local'], http: [{route: [{destination: {host: everyone}}]}]}", name="a")
    default = virtual_service("{hosts: ['*.default.svc.cluster.local'], http: [{route: [{destination: {host: default}}]}]}", name="b")
    mesh = village(REVIEWS, RATINGS, service("web", 9080, namespace="shop"), virtual_services=[everyone, default, JASON])
    assert cluster(get(mesh, "reviews/")).endswith("|v1|reviews.default.svc.cluster.local")
    assert cluster(get(mesh, "ratings/")) == "outbound|9080||default.default.svc.cluster.local"
    assert cluster(get(mesh, "web.shop/")) == "outbound|9080||everyone.default.svc.cluster.local"


def test_a_virtual_service_without_a_route_for_the_port_leaves_the_service_alone() -> None:
    only_8080 = virtual_service("{hosts: [reviews], http: [{match: [{port: 8080}], route: [{destination: {host: ratings}}]}]}")
    mesh = village(service("reviews", 9080, 8080), RATINGS, virtual_services=[only_8080])
    assert cluster(get(mesh, "reviews/")) == "outbound|9080||reviews.default.svc.cluster.local"
    assert cluster(get(mesh, "reviews/", port="8080")) == "outbound|9080||ratings.default.svc.cluster.local"


def test_routes_bound_to_a_gateway_do_not_steer_the_mesh() -> None:
    text = "{hosts: [reviews], http: [{match: [{gateways: [default/gw]}], route: [{destination: {host: a}}]}, {route: [{destination: {host: b}}]}]}"
    mesh = village(REVIEWS, virtual_services=[virtual_service(text)])
    assert cluster(get(mesh, "reviews/")) == "outbound|9080||b.default.svc.cluster.local"


def test_a_destination_without_port_means_the_only_port_of_its_service_or_the_port_that_was_called() -> None:
    text = "{hosts: [reviews], http: [{match: [{uri: {prefix: /one}}], route: [{destination: {host: one}}]}, {route: [{destination: {host: two}}]}]}"
    mesh = village(REVIEWS, service("one", 7000), service("two", 7000, 9080), virtual_services=[virtual_service(text)])
    assert cluster(get(mesh, "reviews/one")) == "outbound|7000||one.default.svc.cluster.local"
    assert cluster(get(mesh, "reviews/two")) == "outbound|9080||two.default.svc.cluster.local"


def test_a_missing_host_or_subset_gets_a_cluster_name_that_envoy_will_not_find() -> None:
    text = "{hosts: [reviews], http: [{route: [{destination: {host: nowhere, subset: v9, port: {number: 1}}}]}]}"
    mesh = village(REVIEWS, virtual_services=[virtual_service(text)])
    assert cluster(get(mesh, "reviews/")) == "outbound|1|v9|nowhere.default.svc.cluster.local"


def test_on_port_80_a_virtual_service_may_speak_for_a_host_that_has_no_service() -> None:
    text = "{hosts: [www.example.com], http: [{route: [{destination: {host: reviews, port: {number: 9080}}}]}]}"
    mesh = village(REVIEWS, service("web", 80), virtual_services=[virtual_service(text)])
    assert cluster(get(mesh, "www.example.com", port="80")) == "outbound|9080||reviews.default.svc.cluster.local"
    assert get(mesh, "www.example.com").virtual_host == "allow_any"


def test_a_second_host_of_a_virtual_service_is_served_on_the_ports_of_the_first() -> None:
    text = "{hosts: [reviews, api.example.com], http: [{route: [{destination: {host: reviews}}]}]}"
    mesh = village(REVIEWS, virtual_services=[virtual_service(text)])
    assert get(mesh, "api.example.com").virtual_host == "api.example.com:9080"


def test_each_http_port_has_its_configuration_and_other_ports_have_none() -> None:
    mesh = village(REVIEWS, service("db", (3306, Protocol.MYSQL)), service("api", (8443, Protocol.HTTPS), (7070, Protocol.GRPC)))
    assert mesh.names == ["7070", "9080"]


def test_a_service_whose_protocol_is_found_out_has_a_configuration_of_its_own() -> None:
    mesh = village(REVIEWS, service("echo", (9080, Protocol.AUTO)))
    assert mesh.names == ["9080", "echo.default.svc.cluster.local:9080"]
    own = mesh.config("echo.default.svc.cluster.local:9080")
    assert [list(vh.domains) for vh in own.virtual_hosts] == [["*"]]
    assert cluster(simulate(own, Request(authority="anything"))) == "outbound|9080||echo.default.svc.cluster.local"


def test_pods_of_a_headless_service_are_reached_by_their_own_names() -> None:
    mesh = village(service("db", 9080, headless=True))
    assert get(mesh, "db-0.db.default.svc.cluster.local").virtual_host == "db.default.svc.cluster.local:9080"
    assert get(mesh, "db-0.db").virtual_host == "db.default.svc.cluster.local:9080"


def test_an_external_name_is_reached_as_an_alias_of_the_service_it_stands_for() -> None:
    alias = service("old", 9080, external_name="reviews.default.svc.cluster.local")
    mesh = village(service("reviews", 9080, aliases=("old.default.svc.cluster.local",)), alias)
    assert get(mesh, "old/").virtual_host == "reviews.default.svc.cluster.local:9080"


def test_a_virtual_service_may_speak_for_an_alias_alone_and_send_traffic_to_one() -> None:
    aliased = service("reviews", 9080, aliases=("old.default.svc.cluster.local",))
    steering = virtual_service("{hosts: [old], http: [{route: [{destination: {host: old, subset: v1}}]}]}")
    mesh = village(aliased, virtual_services=[steering])
    mesh.by_host["old.default.svc.cluster.local"] = aliased
    assert cluster(get(mesh, "old/")) == "outbound|9080|v1|reviews.default.svc.cluster.local"
    assert cluster(get(mesh, "reviews/")) == "outbound|9080||reviews.default.svc.cluster.local"


def test_two_services_that_claim_one_address_do_not_break_the_configuration() -> None:
    mesh = village(service("a.example.com", 9080, addresses=("10.9.9.9",)), service("b.example.com", 9080, addresses=("10.9.9.9",)))
    assert get(mesh, "10.9.9.9").virtual_host == "a.example.com:9080"
    assert get(mesh, "b.example.com").virtual_host == "b.example.com:9080"


def test_a_short_name_gives_way_to_a_service_of_that_full_name() -> None:
    mesh = village(service("reviews", 9080, namespace="com"), service("reviews.com", 9080))
    assert get(mesh, "reviews.com").virtual_host == "reviews.com:9080"
    assert get(mesh, "reviews.com.svc").virtual_host == "reviews.com.svc.cluster.local:9080"


def test_an_explicit_proxy_tells_services_apart_by_host_and_port() -> None:
    mesh = village(REVIEWS, service("web", 80, 8000), http_proxy_port=15007, captured=False)
    assert "http_proxy" in mesh.names
    assert cluster(get(mesh, "reviews:9080/", port="http_proxy")) == "outbound|9080||reviews.default.svc.cluster.local"
    assert cluster(get(mesh, "web/", port="http_proxy")) == "outbound|80||web.default.svc.cluster.local"
    assert cluster(get(mesh, "web:8000/", port="http_proxy")) == "outbound|8000||web.default.svc.cluster.local"
    assert get(mesh, "reviews/", port="http_proxy").virtual_host == "allow_any"


def test_clients_in_other_namespaces_share_one_virtual_host() -> None:
    def host(namespace: str) -> routes.VirtualHostKey:
        return routes.keys(village(REVIEWS, virtual_services=[JASON], namespace=namespace))[0].hosts[0]

    assert host("a") == host("b")
    assert host("a") is not host("b")
    assert host("a") != host("default")


def test_a_virtual_service_that_is_too_young_for_one_host_still_speaks_for_its_other_hosts() -> None:
    younger = virtual_service("{hosts: [reviews, api.example.com], http: [{route: [{destination: {host: ratings}}]}]}", name="younger")
    mesh = village(REVIEWS, virtual_services=[JASON, younger])
    assert cluster(get(mesh, "reviews/")) == "outbound|9080|v1|reviews.default.svc.cluster.local"
    assert cluster(get(mesh, "api.example.com/")) == "outbound|9080||ratings.default.svc.cluster.local"


def test_a_sidecars_egress_listener_keeps_its_port_to_itself() -> None:
    everything = village(REVIEWS, RATINGS).egress[0]
    only_ratings = EgressListener(
        port=Port(name="http", number=9080, protocol=Protocol.HTTP, target=9080),
        bind="",
        captured=True,
        services=(RATINGS,),
        virtual_services=(),
    )
    mesh = village(egress=[only_ratings, everything])
    assert mesh.names == ["9080"]
    assert get(mesh, "ratings/").virtual_host == "ratings.default.svc.cluster.local:9080"
    assert get(mesh, "reviews/").virtual_host == "allow_any"


def test_a_unix_socket_serves_all_ports_under_the_name_of_its_path() -> None:
    socket = EgressListener(
        port=Port(name="http", number=0, protocol=Protocol.HTTP, target=0),
        bind="unix:///run/out",
        captured=False,
        services=(REVIEWS,),
        virtual_services=(),
    )
    mesh = village(egress=[socket])
    assert mesh.names == ["unix:///run/out"]
    assert cluster(get(mesh, "reviews:9080/", port="unix:///run/out")) == "outbound|9080||reviews.default.svc.cluster.local"


def test_a_grpc_client_gets_the_one_virtual_host_of_the_service_it_dials() -> None:
    mesh = village(service("echo", (7070, Protocol.GRPC)), REVIEWS, generator=Generator.GRPC)
    config = mesh.config("outbound|7070||echo.default.svc.cluster.local")
    assert len(config.virtual_hosts) == 1
    for name in ("echo.default.svc.cluster.local:7070", "echo:7070", "echo.default.svc.cluster.local"):
        assert cluster(simulate(config, Request(authority=name))) == "outbound|7070||echo.default.svc.cluster.local"
