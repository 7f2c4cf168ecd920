"""A real Envoy that is given its virtual hosts one by one: requests arrive where they should, whatever comes, changes, goes or is refused."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Never

import pytest
from envoy.config.route.v3 import route_components_pb2, route_pb2
from tests.envoy.test_discovery import Backend, Bench, cluster, endpoints, free_port, listener, made
from tests.unit.discovery.test_server import FakeWorld

from ostria.agent.http_client import Target, get
from ostria.discovery.protocol.delta import DeltaStream
from ostria.discovery.protocol.requests import Response
from ostria.discovery.protocol.subscription import Plan, Subscription
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS
from ostria.translate.prepared import Prepared, ResourceSet

Hosts = Mapping[str, tuple[str, ...]]
"""Cluster → the domains that lead to it."""


def shell(name: str, *, catch_all: str = "one", timeout: int = 0) -> Prepared:
    message = route_pb2.RouteConfiguration(name=name)
    message.vhds.config_source.ads.SetInParent()
    message.vhds.config_source.resource_api_version = 2
    rule = message.virtual_hosts.add(name="all", domains=["*"]).routes.add()
    rule.match.prefix, rule.route.cluster = "/", catch_all
    rule.route.timeout.seconds = timeout
    return made(message, name, ((VHDS, name),))


def host(config: str, name: str, to: str, *domains: str) -> Prepared:
    message = route_components_pb2.VirtualHost(name=f"{config}/{name}", domains=domains or (name,))
    rule = message.routes.add()
    rule.match.prefix, rule.route.cluster = "/", to
    return made(message, message.name)


class Fed:
    """An Envoy on a discovery server, with the words that two backends answer."""

    def __init__(self, bench: Bench, one: Backend, two: Backend) -> None:
        self.bench, self.one, self.two = bench, one, two
        self.sent: list[tuple[str, list[str], list[str]]] = []
        self.version = 0

    def world(
        self, *hosts: Prepared, shells: tuple[Prepared, ...] = (shell("r"),), listeners: tuple[Prepared, ...] | None = None
    ) -> FakeWorld:
        self.version += 1
        found = {
            CDS: (cluster("one"), cluster("two")),
            EDS: (endpoints("one", self.one.port), endpoints("two", self.two.port)),
            LDS: listeners if listeners is not None else (listener("in", self.bench.port, "r"),),
            RDS: shells,
            VHDS: hosts,
        }
        return FakeWorld(str(self.version), {kind: ResourceSet(kind, {each.name: each for each in parts}) for kind, parts in found.items()})

    async def change(self, new: FakeWorld) -> list[tuple[list[str], list[str]]]:
        """Push, wait until it is acknowledged, and give the virtual hosts sent and removed, response by response."""
        self.sent.clear()
        self.bench.change(new)
        await self.settled()
        return self.told()

    async def settled(self) -> None:
        newest = self.bench.server.pusher
        await self.bench.eventually(
            lambda: (
                len(newest.connections) == 1
                and self.bench.connection.world is newest.world
                and self.bench.connection.stream.settled
                and self.bench.connection.stream.subscription(VHDS) is not None
            )
        )

    def told(self) -> list[tuple[list[str], list[str]]]:
        return [(names, removed) for kind, names, removed in self.sent if kind == VHDS]

    async def get(self, authority: str, port: int | None = None) -> str:
        """The word of the backend that answered, or the status."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port or self.bench.port)
        except OSError as problem:
            return type(problem).__name__
        writer.write(f"GET / HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        status = head.split(b" ")[1].decode() if head else "nothing"
        return body.decode() if status == "200" else status

    async def answers(self, authority: str, word: str, port: int | None = None) -> None:
        for _ in range(300):
            if (got := await self.get(authority, port)) == word:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{authority} answers {got}: {(self.bench.folder / 'envoy.log').read_text()[-2000:]}")


def fail() -> Never:
    raise AssertionError("it was asked for")


@pytest.fixture
async def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fed]:
    async with feeding(tmp_path) as found:
        encode = DeltaStream._encode

        def noted(self: DeltaStream, subscription: Subscription, plan: Plan, version: str) -> Response:
            found.sent.append((subscription.type_url, sorted(each.name for each in plan.sent), sorted(plan.removed)))
            return encode(self, subscription, plan, version)

        monkeypatch.setattr(DeltaStream, "_encode", noted)
        yield found


@asynccontextmanager
async def feeding(folder: Path) -> AsyncIterator[Fed]:
    bench = Bench(folder, "DELTA_GRPC")
    async with Backend("one") as one, Backend("two") as two:
        found = Fed(bench, one, two)
        try:
            await bench.serve(found.world(host("r", "a", "two"), host("r", "b", "one")))
            bench.start_envoy("--drain-time-s", "1")
            await found.answers("a", "two")
            await found.settled()
            yield found
        finally:
            bench.envoy.kill()
            bench.envoy.wait()
            await bench.server.stop(0)
            bench.thread.close()


async def test_a_request_reaches_its_cluster_and_an_unknown_host_the_one_for_everything(fed: Fed) -> None:
    assert [await fed.get(name) for name in ("a", "b", "unknown")] == ["two", "one", "one"]


async def test_a_change_arrives_as_one_virtual_host(fed: Fed) -> None:
    assert await fed.change(fed.world(host("r", "a", "two"), host("r", "b", "two"))) == [(["r/b"], [])]
    await fed.answers("b", "two")
    assert [kind for kind, _, _ in fed.sent] == [VHDS]


async def test_hosts_come_and_go(fed: Fed) -> None:
    assert await fed.change(fed.world(host("r", "b", "one"), host("r", "c", "two"))) == [(["r/c"], ["r/a"])]
    await fed.answers("c", "two")
    assert await fed.get("a") == "one", "whom nobody knows, the host for everything has"


async def test_a_domain_moves_from_one_host_to_another_without_a_failed_request(fed: Fed) -> None:
    await fed.change(fed.world(host("r", "a", "two", "a", "moving"), host("r", "b", "two"), shells=(shell("r", catch_all="one"),)))
    seen = set()
    for turn in range(10):
        there = ("a", "moving"), ("b",)
        first, second = there if turn % 2 else (("a",), ("b", "moving"))
        await fed.change(fed.world(host("r", "a", "two", *first), host("r", "b", "two", *second)))
        seen.add(await fed.get("moving"))
    assert seen == {"two"}
    assert not list(fed.bench.connection.rejections)


async def test_a_changed_shell_leaves_the_hosts_where_they_are(fed: Fed) -> None:
    hosts = host("r", "a", "two"), host("r", "b", "one")
    assert await fed.change(fed.world(*hosts, shells=(shell("r", catch_all="two", timeout=5),))) == []
    await fed.answers("unknown", "two")
    assert [await fed.get(name) for name in ("a", "b")] == ["two", "one"]


async def test_further_listeners_bring_their_configurations_and_one_without_hosts_is_ready_at_once(fed: Fed) -> None:
    hosts = host("r", "a", "two"), host("s", "a", "one"), host("s", "x", "two")
    ports = free_port(), free_port()
    listeners = listener("in", fed.bench.port, "r"), listener("more", ports[0], "s"), listener("bare", ports[1], "t")
    told = await fed.change(fed.world(*hosts, shells=(shell("r"), shell("s"), shell("t")), listeners=listeners))
    assert sorted(name for names, _ in told for name in names) == ["s/a", "s/x"]
    assert {name for _, removed in told for name in removed} == {"r/b", "t/none"}
    await fed.answers("x", "two", ports[0])
    await fed.answers("unknown", "one", ports[1])
    assert [await fed.get("a"), await fed.get("a", ports[0])] == ["two", "one"]


@pytest.mark.parametrize("drained", [True, False])
async def test_a_configuration_that_was_gone_gets_all_its_hosts_when_it_comes_back(fed: Fed, drained: bool) -> None:
    """Whatever Envoy had of it before: where it let go of it, it begins without hosts, and else with those of last time."""
    fed.bench.port, before = free_port(), fed.bench.port
    other = listener("other", fed.bench.port, "s")
    assert await fed.change(fed.world(host("s", "x", "two"), shells=(shell("s"),), listeners=(other,))) == [(["s/x"], [])]
    await fed.answers("x", "two")
    if drained:
        await fed.bench.eventually(lambda: "r" not in (fed.bench.connection.stream.subscription(RDS) or fail()).names)
        await fed.settled()
        assert fed.told() == [(["s/x"], []), ([], ["r/a", "r/b"])]
    back = listener("in", before, "r")
    hosts = host("s", "x", "two"), host("r", "a", "two"), host("r", "c", "two")
    await fed.change(fed.world(*hosts, shells=(shell("r"), shell("s")), listeners=(other, back)))
    await fed.answers("c", "two", before)
    assert [await fed.get("a", before), await fed.get("b", before)] == ["two", "one"]


async def test_a_proxy_that_comes_back_gets_what_changed_meanwhile(fed: Fed) -> None:
    await fed.bench.server.stop(0)
    assert await fed.get("a") == "two", "it serves on alone"
    fed.sent.clear()
    await fed.bench.serve(fed.world(host("r", "b", "two"), host("r", "c", "two")))
    await fed.answers("b", "two")
    await fed.settled()
    assert fed.told() == [(["r/b", "r/c"], ["r/a"])]
    assert await fed.get("a") == "one"


async def test_a_proxy_that_comes_back_and_missed_nothing_is_sent_nothing(fed: Fed) -> None:
    await fed.bench.server.stop(0)
    fed.sent.clear()
    await fed.bench.serve(fed.world(host("r", "a", "two"), host("r", "b", "one")))
    await fed.settled()
    assert not any(names or removed for _, names, removed in fed.sent)


async def test_a_host_that_envoy_refuses_is_named_and_its_neighbours_arrive(fed: Fed) -> None:
    bad = host("r", "bad", "two", "bad", "b")
    await fed.change(fed.world(host("r", "a", "one"), host("r", "b", "one"), bad, host("r", "c", "two")))
    assert [(each.name, each.type_url) for each in fed.bench.connection.rejections] == [("r/bad", VHDS)]
    (rejection,) = fed.bench.connection.rejections
    assert rejection.origins[0].name == "r/bad"
    assert "b" in rejection.words
    assert [await fed.get(name) for name in ("a", "b", "c")] == ["one", "one", "two"]
    # What stood in its way is gone: the same bytes are fine now.
    await fed.change(fed.world(host("r", "a", "one"), bad, host("r", "c", "two")))
    await fed.answers("bad", "two")
    assert not list(fed.bench.connection.rejections)


async def test_an_envoy_that_dies_gets_everything_again(fed: Fed) -> None:
    fed.bench.envoy.kill()
    fed.bench.envoy.wait()
    fed.sent.clear()
    fed.bench.start_envoy()
    await fed.answers("a", "two")
    assert (["r/a", "r/b"], []) in fed.told()


Town = dict[str, dict[str, tuple[str, str]]]
"""Configuration → host → the cluster it leads to, and its domain."""


def any_town(chance: random.Random) -> Town:
    found: Town = {}
    for config in (each for each in "rstu" if chance.random() < 0.75):
        domains = chance.sample([f"d{n}" for n in range(6)], 6)
        names = chance.sample("abcd", chance.randint(0, 4))
        found[config] = {name: (chance.choice(("one", "two")), domain) for name, domain in zip(names, domains, strict=False)}
    return found


async def held(fed: Fed) -> Town:
    """What Envoy has, by its own account."""
    _, body = await get(Target(port=fed.bench.admin), "/config_dump?resource=dynamic_route_configs")
    configs = [each["route_config"] for each in json.loads(body).get("configs", ())]
    return {
        config["name"]: {
            each["name"].rpartition("/")[2]: (each["routes"][0]["route"]["cluster"], each["domains"][0])
            for each in config["virtual_hosts"]
            if "/" in each["name"]
        }
        for config in configs
    }


async def test_whatever_comes_envoy_has_what_the_last_world_says(fed: Fed) -> None:
    """Listeners come, go and are drained, domains move, the control plane is replaced, and often nobody waits for the one before."""
    chance = random.Random(2)
    ports = {config: fed.bench.port if config == "r" else free_port() for config in "rstu"}
    for _ in range(40):
        town = any_town(chance)
        hosts = (host(config, name, to, domain) for config, found in town.items() for name, (to, domain) in found.items())
        shells = tuple(shell(config, timeout=chance.choice((0, 3))) for config in town)
        new = fed.world(*hosts, shells=shells, listeners=tuple(listener(f"l{config}", ports[config], config) for config in town))
        if chance.random() < 0.2:
            await fed.bench.server.stop(0)
            await fed.bench.serve(new)
        else:
            fed.bench.change(new)
        if chance.random() < 0.4:
            await asyncio.sleep(chance.random() / 20)
            continue
        if town:
            await fed.settled()
        for _ in range(100):
            now = await held(fed)
            if all(now.get(config) == found for config, found in town.items()):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError((town, now))
        assert not list(fed.bench.connection.rejections)
