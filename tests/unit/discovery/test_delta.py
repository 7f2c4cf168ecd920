"""Delta xDS as the specification and Envoy have it, told as conversations."""

import pytest
from tests.unit.discovery.worlds import DeltaProxy, cluster, contents, listener, resource, world

from ostria.discovery.protocol.requests import DeltaRequest
from ostria.translate.names import CDS, ECDS, EDS, LDS, RDS

A, B, C = cluster("a"), cluster("b"), cluster("c")


def connected(**parts: tuple) -> DeltaProxy:  # type: ignore[type-arg]
    """A proxy that asked as Envoy does and holds everything."""
    proxy = DeltaProxy(world(**parts))
    proxy.ask(CDS)
    proxy.settle()
    proxy.ask(EDS, *(each.name for each in proxy.world[EDS]))
    proxy.ask(LDS)
    proxy.settle()
    proxy.ask(RDS, *(each.name for each in proxy.world[RDS]))
    proxy.settle()
    return proxy


def test_a_first_request_without_names_asks_for_all_clusters() -> None:
    proxy = DeltaProxy(world(clusters=(A, B)))
    proxy.ask(CDS)
    assert proxy.settle() == [(CDS, ["a", "b"], [])]


def test_an_explicit_star_asks_for_everything_of_any_type() -> None:
    proxy = DeltaProxy(world(routes=(resource("80", 1), resource("90", 1))))
    proxy.ask(RDS, "*")
    assert proxy.settle() == [(RDS, ["80", "90"], [])]


def test_an_empty_world_is_an_answer_too() -> None:
    proxy = DeltaProxy(world())
    proxy.ask(LDS)
    assert proxy.settle() == [(LDS, [], [])]


def test_endpoints_without_names_ask_for_nothing() -> None:
    proxy = DeltaProxy(world(endpoints=(resource("a", 1),)))
    proxy.ask(EDS)
    assert proxy.settle() == []


def test_a_name_that_does_not_exist_is_answered_as_removed_and_sent_when_it_comes() -> None:
    proxy = DeltaProxy(world(routes=(resource("80", 1),)))
    proxy.ask(RDS, "80", "90")
    assert proxy.settle() == [(RDS, ["80"], ["90"])]
    proxy.ask(RDS, "70")
    assert proxy.settle() == [(RDS, [], ["70"])]
    proxy.change(world(routes=(*proxy.world[RDS], resource("90", 1))))
    assert proxy.settle() == [(RDS, ["90"], [])]


def test_only_what_changed_is_sent() -> None:
    proxy = connected(clusters=(A, B))
    proxy.change(world(clusters=(A, cluster("b", 2), C)))
    assert proxy.settle() == [(CDS, ["b", "c"], [])]
    proxy.change(world(clusters=(cluster("a"), cluster("b", 2), cluster("c"))))
    assert proxy.settle() == [], "equal content of other objects is not a change"


def test_asking_again_for_a_name_sends_it_again() -> None:
    proxy = connected(routes=(resource("80", 1),))
    proxy.ask(RDS, "80")
    assert proxy.settle() == [(RDS, ["80"], [])]


def test_an_unsubscribed_name_is_forgotten() -> None:
    proxy = connected(routes=(resource("80", 1), resource("90", 1)))
    proxy.ask(RDS, unsubscribe=("80",))
    proxy.change(world(routes=(resource("80", 2), resource("90", 2))))
    assert proxy.settle() == [(RDS, ["90"], [])]
    proxy.change(world())
    assert proxy.settle() == [(RDS, [], ["90"])]


def test_unsubscribing_from_a_name_under_a_wildcard_sends_it_again() -> None:
    proxy = DeltaProxy(world(clusters=(A, B)))
    proxy.ask(CDS, "*", "a", "gone")
    assert proxy.settle() == [(CDS, ["a", "b"], ["gone"])]
    proxy.ask(CDS, unsubscribe=("a", "gone"))
    assert proxy.settle() == [(CDS, ["a"], ["gone"])]


def test_ending_the_wildcard_leaves_the_names() -> None:
    proxy = DeltaProxy(world(clusters=(A, B)))
    proxy.ask(CDS, "*", "a")
    proxy.settle()
    proxy.ask(CDS, unsubscribe=("*",))
    proxy.change(world(clusters=(cluster("a", 2), cluster("b", 2))))
    assert proxy.settle() == [(CDS, ["a"], [])]


def test_an_acknowledgement_with_an_old_nonce_acknowledges_nothing_but_its_names_count() -> None:
    proxy = connected(routes=(resource("80", 1), resource("90", 1)))
    proxy.ask(RDS, unsubscribe=("90",))
    proxy.change(world(routes=(resource("80", 2), resource("90", 1))))
    proxy.receive()
    proxy.stream.receive(DeltaRequest(type_url=RDS, subscribe=("90",), nonce="0-7"), proxy.world[RDS])
    assert proxy.receive() == [], "the first response is still in flight"
    proxy.accept(RDS)
    assert [proxy.look(each) for each in proxy.receive()] == [(RDS, ["90"], [])]


def test_changes_merge_while_a_response_is_in_flight() -> None:
    proxy = connected(clusters=(A,))
    for content in range(2, 6):
        proxy.change(world(clusters=(cluster("a", content),)))
        proxy.receive()
    proxy.accept(CDS)
    assert proxy.settle() == [(CDS, ["a"], [])]
    assert proxy.held[CDS] == {"a": cluster("a", 5).version}


def test_a_reconnecting_proxy_gets_the_difference_to_what_it_says_it_holds() -> None:
    proxy = connected(clusters=(A, B, C), endpoints=(resource("a", 1), resource("b", 1)))
    proxy.world = world(clusters=(A, cluster("b", 2)), endpoints=(resource("a", 1), resource("b", 1)))
    proxy.reconnect({CDS: (), EDS: ("a", "b"), LDS: (), RDS: ("80",)})
    came = proxy.settle()
    assert came[0] == (CDS, ["b"], [])
    assert (EDS, ["b"], []) in came, "endpoints follow a changed cluster"
    assert came[-1] == (CDS, [], ["c"])


def test_a_reconnecting_proxy_that_is_up_to_date_gets_nothing_new() -> None:
    proxy = connected(clusters=(A, B), routes=(resource("80", 1),))
    proxy.reconnect({CDS: (), RDS: ("80",)})
    assert proxy.settle() == [(CDS, [], [])]


def test_clusters_go_before_listeners_and_their_endpoints_are_awaited() -> None:
    old = (listener("l", "80"),)
    proxy = connected(clusters=(A,), endpoints=(resource("a", 1),), listeners=old, routes=(resource("80", 1),))
    proxy.change(world((A, B), (resource("a", 1), resource("b", 1)), old, (resource("80", 2),)))
    assert [proxy.look(each) for each in proxy.receive()] == [(CDS, ["b"], [])]
    proxy.accept(CDS)
    assert proxy.receive() == [], "b's endpoints have not been asked for yet"
    proxy.ask(EDS, "b")
    assert [proxy.look(each) for each in proxy.receive()] == [(EDS, ["b"], [])]
    proxy.accept(EDS)
    assert [proxy.look(each) for each in proxy.receive()] == [(RDS, ["80"], [])]


def test_a_proxy_that_never_asks_for_endpoints_gets_its_routes_all_the_same() -> None:
    proxy = connected(clusters=(A,), endpoints=(resource("a", 1),), listeners=(listener("l", "80"),), routes=(resource("80", 1),))
    proxy.change(world((A, B), (resource("a", 1),), tuple(proxy.world[LDS]), (resource("80", 2),)))
    proxy.receive()
    proxy.accept(CDS)
    assert (proxy.receive(), proxy.stream.waiting) == ([], True)
    proxy.stream.lose_patience()
    assert [proxy.look(each) for each in proxy.receive()] == [(RDS, ["80"], [])]


def test_a_cluster_goes_only_when_the_routes_that_named_it_are_acknowledged() -> None:
    listeners = (listener("l", "80"),)
    proxy = connected(clusters=(A, B), endpoints=(resource("a", 1), resource("b", 1)), listeners=listeners, routes=(resource("80", 1),))
    proxy.change(world((A,), (resource("a", 1),), listeners, (resource("80", 2),)))
    assert [proxy.look(each) for each in proxy.receive()] == [(RDS, ["80"], [])]
    assert proxy.receive() == []
    proxy.accept(RDS)
    assert [proxy.look(each) for each in proxy.receive()] == [(CDS, [], ["b"])]
    proxy.accept(CDS)
    assert [proxy.look(each) for each in proxy.receive()] == [(EDS, [], ["b"])]


def test_a_cluster_goes_when_what_named_it_moved_on_without_a_word() -> None:
    """Nobody would look again before the next request."""
    proxy = DeltaProxy(world())
    proxy.ask(CDS)
    proxy.change(world(clusters=(cluster("a"),)))
    proxy.ask(LDS)
    proxy.settle()
    proxy.change(world())
    assert [proxy.look(each) for each in proxy.receive()] == [(CDS, [], ["a"])]


def test_a_cluster_stays_while_the_new_listeners_route_has_not_been_asked_for() -> None:
    proxy = connected(clusters=(A, B), listeners=(listener("l", "80"),), routes=(resource("80", 1),))
    proxy.change(world((A,), (), (listener("l", "90", 2),), (resource("80", 1), resource("90", 1))))
    proxy.receive()
    proxy.accept(LDS)
    assert proxy.receive() == []
    proxy.ask(RDS, "90")
    proxy.receive()
    proxy.accept(RDS)
    assert [proxy.look(each) for each in proxy.receive()] == [(CDS, [], ["b"])]


def test_a_cluster_that_comes_back_before_it_went_is_not_touched() -> None:
    listeners = (listener("l", "80"),)
    proxy = connected(clusters=(A, B), listeners=listeners, routes=(resource("80", 1),))
    proxy.change(world((A,), (), listeners, (resource("80", 2),)))
    proxy.receive()
    proxy.change(world((A, B), (), listeners, (resource("80", 1),)))
    assert CDS not in [kind for kind, _, _ in proxy.settle()]


def test_endpoints_follow_a_changed_cluster() -> None:
    proxy = connected(clusters=(A, B), endpoints=(resource("a", 1), resource("b", 1)))
    proxy.change(world((cluster("a", 2), B), (resource("a", 1), resource("b", 1))))
    assert proxy.settle() == [(CDS, ["a"], []), (EDS, ["a"], [])]


def test_refused_content_is_never_sent_again_until_it_changes() -> None:
    proxy = connected(listeners=(resource("l", 1), resource("m", 1)))
    proxy.change(world(listeners=(resource("l", "bad"), resource("m", 2))))
    proxy.receive()
    refused = proxy.reject(LDS, "Error adding/updating listener(s) l: no such filter\n")
    assert [(each.name, each.origins[0].name, each.words) for each in refused] == [
        ("l", "l", "Error adding/updating listener(s) l: no such filter\n")
    ]
    assert proxy.settle() == [], "Envoy took m and keeps its last good l"
    proxy.change(world(listeners=(resource("l", "bad"), resource("m", 3))))
    assert proxy.settle() == [(LDS, ["m"], [])]
    proxy.change(world(listeners=(resource("l", "good"), resource("m", 3))))
    assert proxy.settle() == [(LDS, ["l"], [])]


def test_a_removal_in_a_response_that_was_refused_as_a_whole_is_said_again() -> None:
    proxy = connected(listeners=(resource("old", 1),))
    proxy.change(world(listeners=(resource("bad", 1),)))
    proxy.receive()
    proxy.reject(LDS, "the message is not what it says")
    assert proxy.settle() == [(LDS, [], ["old"])]
    assert proxy.held[LDS] == {}


def test_what_was_refused_and_is_gone_is_said_to_be_gone() -> None:
    """Whoever asked for it waits for a word, and may have had it before it asked again."""
    proxy = connected(routes=(resource("80", 1),))
    proxy.ask(RDS, "80")
    proxy.change(world(routes=(resource("80", "bad"),)))
    proxy.receive()
    proxy.reject(RDS, "no such cluster")
    proxy.change(world())
    assert proxy.settle() == [(RDS, [], ["80"])]
    assert proxy.stream.settled


def test_one_bad_route_does_not_cost_its_neighbours_their_update() -> None:
    names = [str(port) for port in range(80, 97)]
    proxy = connected(routes=tuple(resource(name, 1) for name in names))
    proxy.change(world(routes=tuple(resource(name, "bad" if name == "91" else 2) for name in names)))
    bad = resource("91", "bad").version
    rounds, refused = 0, []
    while proxy.receive():
        response = proxy.unanswered[RDS]
        if bad.encode() in response.data:
            refused += proxy.reject(RDS, "Only unique values for domains are permitted.")
        else:
            proxy.accept(RDS)
        rounds += 1
    assert [each.name for each in refused] == ["91"]
    assert rounds <= 12
    assert proxy.held[RDS] == {name: resource(name, 1 if name == "91" else 2).version for name in names}


def test_ten_bad_clusters_cost_none_of_a_thousand_neighbours() -> None:
    bad = {f"c{number}" for number in range(0, 1000, 99)}
    proxy = DeltaProxy(world(clusters=tuple(cluster(f"c{number}") for number in range(1000))))
    proxy.ask(CDS)
    while received := proxy.receive():
        (_, names, _) = proxy.look(received[0])
        if bad.isdisjoint(names):
            proxy.accept(CDS)
        else:
            proxy.reject(CDS, "Proto constraint validation failed")
    assert proxy.held[CDS].keys() == {f"c{number}" for number in range(1000)} - bad


def test_what_a_proxy_refused_is_not_sent_on_its_next_stream_either() -> None:
    proxy = connected(listeners=(resource("l", 1),))
    proxy.change(world(listeners=(resource("l", "bad"),)))
    proxy.receive()
    proxy.reject(LDS, "no")
    proxy.reconnect({LDS: ()})
    assert proxy.settle() == [(LDS, [], [])]


def test_a_new_process_gets_another_chance() -> None:
    proxy = connected(listeners=(resource("l", "port taken"),))
    proxy.change(world(listeners=(resource("l", "other"),)))
    proxy.receive()
    proxy.reject(LDS, "no")
    proxy.held[LDS] = {}
    proxy.reconnect({LDS: ()})
    assert proxy.settle() == [(LDS, ["l"], [])]


def test_a_cluster_stays_while_a_refused_route_may_still_name_it() -> None:
    listeners = (listener("l", "80"),)
    proxy = connected(clusters=(A, B), listeners=listeners, routes=(resource("80", 1),))
    proxy.change(world((A,), (), listeners, (resource("80", "bad"),)))
    proxy.receive()
    proxy.reject(RDS, "no")
    assert proxy.settle() == []
    proxy.change(world((A,), (), listeners, (resource("80", 3),)))
    assert proxy.settle() == [(RDS, ["80"], []), (CDS, [], ["b"])]


def test_extensions_are_never_removed() -> None:
    proxy = DeltaProxy({ECDS: contents(ECDS, resource("plugin", 1))})
    proxy.held[ECDS] = {}
    proxy.ask(ECDS, "plugin")
    proxy.settle()
    proxy.change({ECDS: contents(ECDS)})
    assert proxy.settle() == []


def test_a_workloads_own_resources_join_the_shared_ones() -> None:
    shared = world(clusters=(A,))[CDS].shared
    proxy = DeltaProxy({CDS: contents(CDS, A, own=(resource("inbound|80||", 1),))})
    proxy.ask(CDS)
    assert proxy.settle() == [(CDS, ["a", "inbound|80||"], [])]
    proxy.change({CDS: contents(CDS, *shared.values(), own=(resource("inbound|80||", 2),))})
    assert proxy.settle() == [(CDS, ["inbound|80||"], [])]


@pytest.mark.parametrize("words", ["", "\x00" * 1000, "a" * 100_000])
def test_odd_refusals_end_too(words: str) -> None:
    proxy = DeltaProxy(world(clusters=tuple(cluster(f"c{number}") for number in range(50))))
    proxy.ask(CDS)
    for _ in range(300):
        if not proxy.receive():
            break
        proxy.reject(CDS, words)
    assert (proxy.receive(), proxy.held[CDS]) == ([], {})


def test_a_proxy_that_refuses_everything_of_a_large_mesh_is_left_alone_in_the_end() -> None:
    """One patch may spoil every cluster that there is."""
    proxy = DeltaProxy(world(clusters=tuple(cluster(f"c{number}") for number in range(3000))))
    proxy.ask(CDS)
    for _ in range(1000):
        if not proxy.receive():
            break
        proxy.reject(CDS, "Proto constraint validation failed")
    assert (proxy.receive(), proxy.held[CDS]) == ([], {})


def test_a_name_asked_for_anew_before_anything_was_said_is_sent_whatever_was_reported() -> None:
    """A listener may go and come in the moment in which its proxy reconnects."""
    proxy = connected(routes=(resource("80", 1), resource("90", 1)))
    proxy.reconnect({RDS: ("80", "90")})
    proxy.ask(RDS, unsubscribe=("80",))
    proxy.ask(RDS, "80")
    proxy.ask(RDS, "90")
    assert proxy.settle() == [(RDS, ["80", "90"], [])]
