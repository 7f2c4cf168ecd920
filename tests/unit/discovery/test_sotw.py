"""State of the world xDS, as older Envoys and gRPC libraries speak it."""

from tests.unit.discovery.worlds import SotwProxy, cluster, listener, resource, world

from ostria.discovery.protocol.requests import SotwRequest
from ostria.translate.names import CDS, EDS, LDS, RDS

A, B = cluster("a"), cluster("b")


def connected(**parts: tuple) -> SotwProxy:  # type: ignore[type-arg]
    proxy = SotwProxy(world(**parts))
    for type_url in (CDS, EDS, LDS, RDS):
        proxy.ask(type_url, *(each.name for each in proxy.world[type_url] if type_url in (EDS, RDS)))
        proxy.settle()
    return proxy


def test_every_cluster_response_holds_all_clusters() -> None:
    proxy = connected(clusters=(A, B))
    proxy.change(world(clusters=(cluster("a", 2), B)))
    (response,) = proxy.receive()
    assert proxy.names_in(response) == {"a": cluster("a", 2).version, "b": B.version}


def test_a_route_response_holds_what_changed() -> None:
    proxy = connected(routes=(resource("80", 1), resource("90", 1)))
    proxy.change(world(routes=(resource("80", 2), resource("90", 1))))
    assert [list(proxy.names_in(each)) for each in proxy.receive()] == [["80"]]


def test_names_added_in_an_acknowledgement_are_answered() -> None:
    proxy = connected(routes=(resource("80", 1), resource("90", 1)))
    proxy.ask(RDS, "80")
    proxy.settle()
    proxy.ask(RDS, "80", "90")
    assert [list(proxy.names_in(each)) for each in proxy.receive()] == [["90"]]


def test_a_request_with_an_old_nonce_acknowledges_nothing() -> None:
    proxy = connected(routes=(resource("80", 1), resource("90", 1)))
    proxy.change(world(routes=(resource("80", 2), resource("90", 2))))
    proxy.receive()
    proxy.stream.receive(SotwRequest(type_url=RDS, names=("90",), nonce="1-1"), proxy.world[RDS])
    assert proxy.receive() == []
    proxy.answer(RDS)
    assert proxy.held[RDS] == {"80": resource("80", 2).version, "90": resource("90", 2).version}


def test_a_name_that_was_dropped_and_asked_for_again_before_a_response_was_read_is_sent_again() -> None:
    """It forgot what it had; only requests with an old nonce tell."""
    proxy = connected(routes=(resource("80", 1), resource("90", 1)))
    proxy.change(world(routes=(resource("80", 2), resource("90", 1))))
    proxy.receive()
    proxy.ask(RDS, "80")
    proxy.ask(RDS, "80", "90")
    proxy.settle()
    assert proxy.held[RDS] == {"80": resource("80", 2).version, "90": resource("90", 1).version}


def test_an_empty_list_after_names_means_nothing_any_more() -> None:
    proxy = connected(listeners=(resource("l", 1), resource("m", 1)))
    proxy.ask(LDS, "l")
    proxy.settle()
    assert list(proxy.held[LDS]) == ["l"]
    proxy.ask(LDS)
    proxy.change(world(listeners=(resource("l", 2), resource("m", 2))))
    proxy.settle()
    assert proxy.held[LDS] == {"l": resource("l", 1).version}


def test_a_grpc_client_learns_that_its_listener_does_not_exist() -> None:
    proxy = SotwProxy(world())
    proxy.ask(LDS, "echo.default.svc.cluster.local:7070")
    (response,) = proxy.receive()
    assert proxy.names_in(response) == {}


def test_a_cluster_stays_in_the_set_until_the_routes_are_acknowledged() -> None:
    listeners = (listener("l", "80"),)
    proxy = connected(clusters=(A, B), endpoints=(), listeners=listeners, routes=(resource("80", 1),))
    proxy.change(world((cluster("a", 2),), (), listeners, (resource("80", 2),)))
    (first,) = proxy.receive()
    assert set(proxy.names_in(first)) == {"a", "b"}
    proxy.answer(CDS)
    (routes,) = proxy.receive()
    assert routes.type_url == RDS
    proxy.answer(RDS)
    (last,) = proxy.receive()
    assert set(proxy.names_in(last)) == {"a"}


def test_a_cluster_goes_as_soon_as_its_route_is_gone_although_nothing_can_be_said_of_that() -> None:
    proxy = connected(clusters=(A, B), listeners=(listener("l", "80"),), routes=(resource("80", 1),))
    proxy.change(world(clusters=(A,)))
    proxy.settle()
    assert proxy.held[CDS] == {"a": A.version}
    assert proxy.stream.settled


def test_the_last_good_version_takes_the_place_of_refused_content() -> None:
    proxy = connected(listeners=(resource("l", 1), resource("m", 1)))
    proxy.change(world(listeners=(resource("l", "bad"), resource("m", 1), resource("new", "bad"))))
    proxy.receive()
    refused = proxy.answer(LDS, "Error adding/updating listener(s) l: no\nnew: no")
    assert [each.name for each in refused] == ["l", "new"]
    proxy.change(world(listeners=(resource("l", "bad"), resource("m", 2), resource("new", "bad"))))
    (response,) = proxy.receive()
    assert proxy.names_in(response) == {"l": resource("l", 1).version, "m": resource("m", 2).version}


def test_endpoints_follow_a_changed_cluster() -> None:
    proxy = connected(clusters=(A,), endpoints=(resource("a", 1),))
    proxy.change(world((cluster("a", 2),), (resource("a", 1),)))
    assert [each.type_url for each in proxy.receive()] == [CDS, EDS]


def test_what_a_proxy_brought_along_goes_when_its_successor_was_refused_and_is_gone_too() -> None:
    proxy = connected(clusters=(A, B))
    proxy.world = world(clusters=(cluster("a", "bad"), B))
    proxy.connect()
    proxy.receive()
    proxy.answer(CDS, "Error adding/updating cluster(s) a: no")
    assert proxy.held[CDS] == {"a": A.version, "b": B.version}
    proxy.change(world(clusters=(B,)))
    proxy.settle()
    assert proxy.held[CDS] == {"b": B.version}
