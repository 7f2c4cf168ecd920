"""A proxy that asks for what it needs, told as conversations with the Envoy of `test_virtual_hosts`: every request that waits is answered, whatever happens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.unit.discovery.test_virtual_hosts import CONFIGS, Config, Convergence, Envoy, Worlds, shell
from tests.unit.discovery.worlds import contents, resource

from ostria.discovery.protocol.requests import DeltaRequest
from ostria.translate.names import CDS, RDS, VHDS
from ostria.translate.prepared import Choice, ResourceSet

STRANGER = "stranger"


@dataclass(frozen=True, eq=False)
class Market:
    """An offer over configurations of hosts that serve one name each: their content. One starts with hosts `a`; each host leads to a cluster of its name."""

    configs: Mapping[str, Config]

    def choose(self, asked: frozenset[str], clusters: frozenset[str]) -> Choice:
        hosts = {f"{config}/a": resource(f"{config}/a", found["a"]) for config, found in self.configs.items() if "a" in found}
        answers = {}
        for name in sorted(asked):
            config, _, authority = name.rpartition("/")
            if config in self.configs and authority != "nothing":
                host = next((host for host, content in self.configs[config].items() if content == authority), None)
                found = resource(f"{config}/{host}", authority) if host else resource(f"{config}/{authority}-{STRANGER}", authority)
                hosts[found.name], answers[name] = found, found.name
        led_to = {name.rpartition("/")[2] for name in hosts}
        return Choice({name: resource(name, 1) for name in sorted({"always", *led_to, *clusters})}, dict(sorted(hosts.items())), answers)

    def answers(self, asked: Iterable[str]) -> Mapping[str, str]:
        return {name: host for name, host in self.choose(frozenset(asked), frozenset()).answers.items() if STRANGER not in host}

    def leaves(self, choice: Choice, older: "Market") -> bool:
        return False


def world(**configs: Config) -> Worlds:
    offer = Market(configs)
    everything = [resource(f"{name}/{host}", content) for name, config in configs.items() for host, content in config.items()]
    clusters = {each.name: each for each in (resource(name, 1) for name in ("always", "a", "b", "c"))}
    return {
        RDS: contents(RDS, *map(shell, configs)),
        VHDS: ResourceSet(VHDS, {each.name: each for each in everything}, {}, offer),
        CDS: ResourceSet(CDS, clusters, {}, offer),
    }


def connected(**configs: Config) -> Envoy:
    envoy = Envoy(world(**configs))
    envoy.say(DeltaRequest(type_url=CDS))
    envoy.subscribe(*configs)
    envoy.settle()
    return envoy


A = {"a": "u", "b": "v", "c": "w"}


def test_it_is_given_what_it_starts_with() -> None:
    envoy = Envoy(world(r=A))
    envoy.say(DeltaRequest(type_url=CDS))
    envoy.subscribe("r")
    assert envoy.settle() == [(CDS, ["a", "always"], []), (RDS, ["r"], []), (VHDS, ["r/a"], [])]
    assert envoy.stream.settled


def test_a_host_comes_behind_the_clusters_that_it_leads_to_and_says_whose_question_it_answers() -> None:
    envoy = connected(r=A)
    envoy.need("r", "v")
    envoy.listen()
    assert [each.type_url for each in envoy.inbox] == [CDS], "the host waits until the cluster is acknowledged"
    envoy.read()
    envoy.listen()
    (entry,) = DeltaDiscoveryResponse.FromString(envoy.inbox[0].data).resources
    assert (entry.name, list(entry.aliases)) == ("r/b", ["r/v"])
    assert envoy.settle() == [(VHDS, ["r/b"], [])]
    assert not envoy.waiting
    assert envoy.stream.settled


def test_another_name_of_a_host_that_it_has_is_answered_without_sending_it_again() -> None:
    envoy = connected(r=A)
    for _ in range(2):
        envoy.say(DeltaRequest(type_url=VHDS, subscribe=("r/u",)))
        envoy.listen()
        (entry,) = DeltaDiscoveryResponse.FromString(envoy.inbox[0].data).resources
        assert (entry.name, list(entry.aliases), entry.HasField("resource")) == ("r/a", ["r/u"], False)
        assert entry.version == envoy.reported["r/a"], "Envoy remembers the version that an answer says"
        envoy.settle()


def test_what_nothing_serves_is_answered_so() -> None:
    envoy = connected(r=A)
    envoy.need("r", "nothing")
    assert envoy.settle() == [(VHDS, ["r/nothing"], [])]
    assert not envoy.waiting
    assert envoy.hosts["r"] == {"a": "u"}


def test_a_name_is_served_for_ever_by_whoever_has_it() -> None:
    envoy = connected(r=A)
    envoy.need("r", "v")
    envoy.settle()
    envoy.change(world(r={"a": "u"}))
    assert (VHDS, [f"r/v-{STRANGER}"], ["r/b"]) in envoy.settle()
    envoy.change(world(r={"a": "u", "c": "v"}))
    assert (VHDS, ["r/c"], [f"r/v-{STRANGER}"]) in envoy.settle()


def test_a_change_of_what_it_did_not_ask_for_sends_nothing() -> None:
    envoy = connected(r=A)
    envoy.change(world(r={**A, "c": "x"}))
    assert envoy.settle() == []
    assert envoy.stream.settled


def test_a_proxy_that_comes_back_gets_answers_but_nothing_that_it_has() -> None:
    envoy = connected(r=A)
    envoy.need("r", "v")
    envoy.settle()
    envoy.connect()
    envoy.waiting.add("r/v")  # A request that came while nobody was there.
    for kind, names, removed in envoy.settle():
        assert (kind, names, removed) == (VHDS, ["r/b"], [])
    assert not envoy.waiting
    assert envoy.hosts["r"] == {"a": "u", "b": "v"}


def test_a_question_about_a_configuration_that_it_lets_go_of_needs_no_answer() -> None:
    envoy = connected(r=A, s={})
    envoy.need("r", "v")
    envoy.need("s", "x")
    envoy.unsubscribe("r")
    assert [names for names, _ in envoy.told() if names] == [[f"s/x-{STRANGER}"]]
    assert not envoy.waiting
    assert envoy.stream.settled
    assert not any(each.due for each in envoy.stream), "nothing is looked at again and again"
    envoy.subscribe("r")
    envoy.settle()
    assert envoy.hosts["r"] == {"a": "u", "b": "v"}, "it asked for it once"


def test_a_host_that_is_refused_releases_the_requests_that_wait_for_it() -> None:
    envoy = connected(r={"a": "u", "b": "bad"})
    envoy.need("r", "bad")
    envoy.settle()
    assert not envoy.waiting
    assert [each.name for each in envoy.rejections] == ["r/b"]


def test_one_that_asks_for_more_names_than_a_choice_is_worth_is_given_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostria.discovery.protocol.on_demand._MOST", 3)
    envoy = connected(r=A)
    for name in ("v", "x1", "x2", "x3", "x4", "x5"):
        envoy.need("r", name)
        envoy.settle()
    assert envoy.hosts["r"] == A
    assert not envoy.waiting
    assert envoy.stream.settled
    assert envoy.stream.asked(VHDS) <= 3, "nothing piles up"
    envoy.change(world(r={**A, "b": "y"}))
    assert envoy.settle() == [(VHDS, ["r/b"], [])]


def test_a_connection_gets_the_cluster_that_it_asks_for() -> None:
    envoy = connected(r=A)
    envoy.say(DeltaRequest(type_url=CDS, subscribe=("c", "nowhere")))
    assert envoy.settle() == [(CDS, ["c", "nowhere"], [])]
    envoy.say(DeltaRequest(type_url=CDS, unsubscribe=("c", "nowhere")))
    assert envoy.settle() == [(CDS, [], ["c", "nowhere"])]


def test_proxies_alike_that_asked_for_nothing_share_what_they_are_sent() -> None:
    first = connected(r=A)
    second = Envoy(first.world, first.shared)
    second.subscribe("r")
    second.settle()
    held = [each.stream.subscription(VHDS) for each in (first, second)]
    assert all(each is not None for each in held)
    assert len({each.name for subscription in held if subscription is not None for each in subscription.current}) == 1


NAMES = ("u", "v", "w", "x", "y", "nothing", "bad")


class Asking(Convergence):
    """Whatever happens on the way: no request waits for ever, and every name that was asked for is served as the last world says."""

    make = staticmethod(world)

    def __init__(self) -> None:
        super().__init__()
        self.envoy.say(DeltaRequest(type_url=CDS))

    @rule(config=st.sampled_from(CONFIGS), name=st.sampled_from(NAMES))
    def a_request_comes(self, config: str, name: str) -> None:
        self.envoy.need(config, name)

    @rule(hosts_first=st.booleans(), interrupted=st.booleans())
    def it_reconnects(self, hosts_first: bool, interrupted: bool) -> None:
        super().it_reconnects(hosts_first, interrupted)
        self.envoy.say(DeltaRequest(type_url=CDS))

    def teardown(self) -> None:
        good = {
            config: {host: "z" + host if content == "bad" else content for host, content in found.items()}
            for config, found in self.parts.items()
        }
        self.envoy.settle()
        self.envoy.change(world(**good))
        for _ in range(3):
            self.envoy.settle()
            self.envoy.stream.lose_patience()
        for config in self.envoy.asked & good.keys():
            wanted = {host: content for host, content in good[config].items() if host == "a"}
            for authority in (name.rpartition("/")[2] for name in self.envoy.named if name.startswith(f"{config}/")):
                if authority not in ("nothing", "bad"):  # This Envoy refuses whatever serves `bad`.
                    host = next((host for host, content in good[config].items() if content == authority), f"{authority}-{STRANGER}")
                    wanted[host] = authority
            assert self.envoy.hosts.get(config) == wanted
        assert not {name for name in self.envoy.waiting if name.rpartition("/")[0] in good}
        assert self.envoy.stream.settled


TestAsking = Asking.TestCase
TestAsking.settings = settings(stateful_step_count=30, deadline=None)
