"""The ledger of pushes: who caused each, who was told, what it cost, when the last one answered."""

import asyncio
import time
from collections import Counter

import msgspec
import pytest
from tests.unit.discovery.test_server import Client, FakeWorld
from tests.unit.discovery.worlds import cluster, world

from ostria.api.kubernetes.service import Service
from ostria.config.store import Change, Origin, Stored, stored
from ostria.discovery.debug import pushes as page
from ostria.discovery.metrics import Metrics
from ostria.discovery.protocol.requests import Response
from ostria.discovery.pushes import Push, Pushes, Share
from ostria.discovery.server.discovery_server import DiscoveryServer
from ostria.discovery.server.thread import WorldThread
from ostria.translate.names import CDS, RDS


def service(name: str, line: int = 1) -> Stored:
    made = msgspec.convert({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}}, Service)
    return stored(made, Origin("mesh.yaml", line, 1))


def change(old: Stored | None, new: Stored | None) -> Change:
    both = new or old
    assert both is not None
    return Change(both.key, old, new)


def begin(pushes: Pushes, version: str, *changes: Change, began: float = 0.0) -> Push:
    pushes.begin(version, changes, mesh_changed=False, began=began, snapshot_seconds=0.002)
    found = pushes.of(version)
    assert found is not None
    return found


def response(type_url: str, nonce: str, *, resources: int = 1, removed: int = 0, size: int = 10) -> Response:
    return Response(type_url=type_url, nonce=nonce, parts=(b"x" * size,), resources=resources, removed=removed)


class TestCauses:
    def test_are_named_with_their_place_also_when_they_are_gone(self) -> None:
        push = begin(Pushes(), "2", change(None, service("a", 3)), change(service("b", 9), None), change(service("c"), service("c", 5)))
        assert [(each.event, each.at) for each in push.causes] == [
            ("added", "mesh.yaml:3"),
            ("deleted", "mesh.yaml:9"),
            ("changed", "mesh.yaml:5"),
        ]

    def test_of_a_flood_are_counted(self) -> None:
        push = begin(Pushes(), "2", *(change(None, service(f"s{n}")) for n in range(500)))
        assert push.changes == 500
        assert len(push.causes) < 50

    def test_only_the_last_pushes_are_remembered(self) -> None:
        pushes = Pushes()
        for version in range(1000):
            begin(pushes, str(version))
        kept = [push.version for push, _ in pushes]
        assert kept[0] == "999"
        assert len(kept) == 100
        assert pushes.of("1") is None


class TestCost:
    def test_what_was_built_is_counted_until_the_next_push(self) -> None:
        builds: Counter[str] = Counter({CDS: 10})
        pushes = Pushes(lambda: builds)
        begin(pushes, "1")
        builds[CDS] += 2
        begin(pushes, "2")
        builds[RDS] += 1
        assert [(push.version, built) for push, built in pushes] == [("2", {RDS: 1}), ("1", {CDS: 2})]

    def test_what_proxies_are_sent_is_added_up(self) -> None:
        push = begin(Pushes(), "2", began=100.0)
        for moment in (100.5, 101.0):
            share = Share()
            share.enter(push, (CDS, RDS))
            share.sent(response(CDS, "n1", resources=2, size=50))
            share.sent(response(RDS, "n2", resources=0, removed=1))
            share.answered(CDS, "n1", moment, refused=False)
            share.answered(RDS, "n2", moment, refused=True)
        shown = page.page_of(push, {})
        assert (shown["proxies"], shown["refused"], shown["unanswered"], shown["acknowledged_ms"]) == (2, 2, 0, 1000.0)
        assert shown["sent"] == {
            "cds": {"responses": 2, "resources": 4, "removed": 0, "bytes": 100},
            "rds": {"responses": 2, "resources": 0, "removed": 2, "bytes": 20},
        }

    def test_an_answer_counts_for_the_push_that_asked_though_the_next_one_has_begun(self) -> None:
        pushes = Pushes()
        first, second, share = begin(pushes, "1"), begin(pushes, "2"), Share()
        share.enter(first, (CDS,))
        share.sent(response(CDS, "n1"))
        share.enter(second, (CDS,))
        share.answered(CDS, "n1", 5.0, refused=False)
        assert (first.last_answer, second.last_answer, second.proxies) == (5.0, None, 0)

    def test_a_proxy_that_goes_away_is_not_waited_for(self) -> None:
        push, share = begin(Pushes(), "1"), Share()
        share.enter(push, (CDS,))
        share.sent(response(CDS, "n1"))
        assert push.unanswered == 1
        share.close()
        assert push.unanswered == 0

    def test_a_proxys_own_first_question_is_not_news(self) -> None:
        push, share = begin(Pushes(), "1"), Share()
        share.sent(response(CDS, "n1"))
        share.enter(push, (CDS,))
        share.sent(response(RDS, "n2"))
        assert (push.proxies, push.sent) == (0, {})


@pytest.fixture
async def server():
    thread, pushes = WorldThread(), Pushes()
    served = DiscoveryServer(
        FakeWorld("1", world(clusters=(cluster("a"),))),
        thread,
        Metrics("test"),
        plaintext="127.0.0.1:0",
        secure=None,
        debug=lambda *_: None,
        pushes=pushes,
    )
    await served.start()
    yield served
    await served.stop(0)
    thread.close()


async def test_a_push_over_the_wire_is_counted_once_for_each_proxy_and_its_acknowledgement_timed(server: DiscoveryServer) -> None:
    clients = [Client(server.plaintext_port, name) for name in ("one", "two")]
    for client in clients:
        await client.ask(CDS)
        await client.accept(await client.read())
    pushes, began = server.pusher.pushes, time.monotonic()
    pushes.begin("2", (change(None, service("b")),), mesh_changed=False, began=began, snapshot_seconds=0.0)
    server.pusher.push(FakeWorld("2", world(clusters=(cluster("a"), cluster("b")))), began)
    for client in clients:
        await client.accept(await client.read())
    push = pushes.of("2")
    assert push is not None
    while push.unanswered or push.proxies < 2:
        await asyncio.sleep(0.01)
    assert (push.sent[CDS].responses, push.sent[CDS].resources) == (2, 2)
    assert push.last_answer is not None
    assert push.last_answer >= began
    for client in clients:
        await client.close()
