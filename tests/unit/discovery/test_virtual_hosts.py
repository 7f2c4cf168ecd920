"""Virtual hosts delivered one by one, told as conversations with an Envoy of a hundred lines, which applies and forgets as the real one does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.unit.discovery.worlds import contents, resource

from ostria.discovery.protocol.delta import DeltaStream
from ostria.discovery.protocol.rejections import Rejection, Rejections
from ostria.discovery.protocol.requests import DeltaRequest, Response
from ostria.discovery.protocol.sharing import Shared
from ostria.discovery.protocol.virtual_hosts import config_of
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS
from ostria.translate.prepared import Prepared, ResourceSet

Config = Mapping[str, str]
"""Host → its content: a domain, or `bad`."""
Worlds = Mapping[str, ResourceSet]
CONFLICT = "Only unique values for domains are permitted. Duplicate entry of domain in route"


def shell(name: str, content: object = 1) -> Prepared:
    return resource(name, content, ((VHDS, name),))


def world(**configs: Config) -> Worlds:
    hosts = [resource(f"{name}/{host}", content) for name, config in configs.items() for host, content in config.items()]
    return {RDS: contents(RDS, *map(shell, configs)), VHDS: contents(VHDS, *hosts)}


def content_of(body: bytes) -> str:
    return body.decode().partition("=")[2]


@dataclass
class Envoy:
    """Reads responses in order; what it has of a configuration goes when it lets go of it, what it reports when it reconnects doesn't."""

    world: Worlds
    shared: Shared = field(default_factory=Shared)
    rejections: Rejections = field(default_factory=Rejections)
    asked: set[str] = field(default_factory=set)
    shells: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, dict[str, str]] = field(default_factory=dict)
    """Configuration → host → content, as requests meet them."""
    reported: dict[str, str] = field(default_factory=dict)
    inbox: list[Response] = field(default_factory=list)
    wants_hosts: bool = False
    streams: int = 0
    refused: set[tuple[str, str]] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    """Hosts that it asked for on demand; once each, whatever came of it."""
    waiting: set[str] = field(default_factory=set)
    """Those of them that requests still wait for."""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self, *, hosts_first: bool = False, interrupted: bool = False) -> None:
        """`interrupted`: the server speaks as soon as it hears something."""
        self.streams += 1
        self.stream = DeltaStream(self.shared, self.rejections, f"{self.streams}-")
        self.inbox.clear()
        requests = []
        if self.asked:
            requests.append(DeltaRequest(type_url=RDS, subscribe=tuple(sorted(self.asked)), initial_versions=dict(self.shells)))
        if self.wants_hosts:
            requests.append(DeltaRequest(type_url=VHDS, subscribe=tuple(sorted(self.named)), initial_versions=dict(self.reported)))
        for request in reversed(requests) if hosts_first else requests:
            self.say(request)
            if interrupted:
                self.listen()

    def say(self, request: DeltaRequest) -> list[Rejection]:
        return self.stream.receive(request, self.world.get(request.type_url, contents(request.type_url)))

    def subscribe(self, *configs: str) -> None:
        self.asked.update(configs)
        self.say(DeltaRequest(type_url=RDS, subscribe=configs))

    def need(self, config: str, authority: str) -> None:
        """A request comes that no virtual host here serves, so that it waits."""
        name = f"{config}/{authority}"
        if self.wants_hosts and config in self.hosts and authority not in self.hosts[config].values() and name not in self.named:
            self.named.add(name)
            self.waiting.add(name)
            self.say(DeltaRequest(type_url=VHDS, subscribe=(name,)))

    def unsubscribe(self, *configs: str) -> None:
        """When the last listener that uses them is gone, and its connections and their requests with it (seen in `tests/envoy/test_on_demand.py`)."""
        self.waiting = {name for name in self.waiting if config_of(name) not in configs}
        for config in configs:
            self.asked.discard(config)
            self.shells.pop(config, None)
            self.hosts.pop(config, None)
        self.say(DeltaRequest(type_url=RDS, unsubscribe=configs))

    def change(self, new: Worlds) -> None:
        self.world = new
        self.shared.advance()
        self.stream.update(new)

    def listen(self) -> None:
        while (response := self.stream.respond("v")) is not None:
            self.inbox.append(response)

    def read(self) -> tuple[str, list[str], list[str]]:
        """Act on the oldest response and answer it."""
        response = self.inbox.pop(0)
        message = DeltaDiscoveryResponse.FromString(response.data)
        words = self._act(message)
        rejected = self.say(DeltaRequest(type_url=response.type_url, nonce=response.nonce, error=words))
        self.refused |= {(each.name, each.version) for each in rejected if CONFLICT not in each.words}
        if self.shells and not self.wants_hosts:
            self.wants_hosts = True
            self.say(DeltaRequest(type_url=VHDS))
        return response.type_url, sorted(each.name for each in message.resources), sorted(message.removed_resources)

    def _act(self, message: DeltaDiscoveryResponse) -> str | None:
        if message.type_url == RDS:
            for each in message.resources:
                if each.name in self.asked:
                    self.shells[each.name] = each.version
                    self.hosts.setdefault(each.name, {})
            for name in message.removed_resources:
                self.shells.pop(name, None)  # It goes on serving what it has.
            return None
        if message.type_url != VHDS:
            return None
        resources = [each for each in message.resources if each.HasField("resource")]
        assert not {(each.name, each.version) for each in resources} & self.refused, "refused content is never sent again"
        after = {config: dict(hosts) for config, hosts in self.hosts.items()}
        for name in message.removed_resources:
            after.get(config_of(name), {}).pop(name.rpartition("/")[2], None)
        for each in resources:
            if config_of(each.name) in after:
                after[config_of(each.name)][each.name.rpartition("/")[2]] = content_of(each.resource.value)
        if any(content_of(each.resource.value) == "bad" for each in resources):
            return "no good"
        if any(len(set(hosts.values())) < len(hosts) for hosts in after.values()):
            return CONFLICT
        self.hosts = after
        self.reported |= {each.name: each.version for each in message.resources}
        for name in message.removed_resources:
            self.reported.pop(name, None)
        self.waiting.difference_update(alias for each in message.resources for alias in each.aliases)
        return None

    def settle(self) -> list[tuple[str, list[str], list[str]]]:
        log = []
        self.listen()
        while self.inbox:
            log.append(self.read())
            self.listen()
        return log

    def told(self) -> list[tuple[list[str], list[str]]]:
        """The virtual hosts that came and went, response by response."""
        return [(names, removed) for kind, names, removed in self.settle() if kind == VHDS]


def connected(**configs: Config) -> Envoy:
    envoy = Envoy(world(**configs))
    envoy.subscribe(*configs)
    envoy.settle()
    return envoy


A, B = {"a": "a", "b": "b"}, {"c": "c"}


def test_a_shell_comes_first_and_then_all_its_hosts() -> None:
    envoy = Envoy(world(r=A, s=B))
    envoy.subscribe("r")
    assert envoy.settle() == [(RDS, ["r"], []), (VHDS, ["r/a", "r/b"], [])]
    envoy.subscribe("s")
    assert envoy.settle() == [(RDS, ["s"], []), (VHDS, ["s/c"], [])]
    assert envoy.stream.settled


def test_a_configuration_without_hosts_is_answered_with_a_removal() -> None:
    envoy = Envoy(world(r={}, s=B))
    envoy.subscribe("r", "s")
    assert envoy.told() == [(["s/c"], ["r/none"])]


def test_only_changed_hosts_are_sent_and_gone_ones_taken_away_in_one_response() -> None:
    envoy = connected(r=A, s=B)
    envoy.change(world(r={"b": "a", "d": "b"}, s=B))
    assert envoy.told() == [(["r/b", "r/d"], ["r/a"])]
    envoy.change(world(r={"b": "a", "d": "b"}, s=B))
    assert envoy.settle() == [], "equal content of other objects is not a change"


def test_hosts_wait_for_their_shell_while_an_older_response_is_unanswered() -> None:
    envoy = connected(r=A)
    envoy.change({**world(r=A, s=B), RDS: contents(RDS, shell("r", 2), shell("s"))})
    envoy.listen()
    envoy.subscribe("s")
    envoy.listen()
    assert [response.type_url for response in envoy.inbox] == [RDS]
    assert envoy.settle() == [(RDS, ["r"], []), (RDS, ["s"], []), (VHDS, ["s/c"], [])]


def test_hosts_of_a_configuration_that_is_gone_stay_until_envoy_lets_it_go() -> None:
    """Connections that are being drained still use it."""
    envoy = connected(r=A, s=B)
    envoy.change(world(s=B))
    assert envoy.told() == []
    assert envoy.hosts["r"] == A
    envoy.unsubscribe("r")
    assert envoy.told() == [([], ["r/a", "r/b"])]
    assert set(envoy.reported) == {"s/c"}


def test_a_configuration_asked_for_again_gets_everything_whatever_was_reported() -> None:
    envoy = connected(r=A)
    envoy.hosts.clear()
    envoy.subscribe("r")
    assert envoy.settle() == [(VHDS, [], ["r/a", "r/b"]), (RDS, ["r"], []), (VHDS, ["r/a", "r/b"], [])]


def test_a_proxy_that_comes_back_gets_what_changed() -> None:
    envoy = connected(r=A, s=B)
    envoy.world = world(r={"a": "x", "d": "d"}, s=B)
    envoy.connect()
    assert envoy.told() == [(["r/a", "r/d"], ["r/b"])]
    envoy.connect()
    assert envoy.settle() == []
    assert envoy.stream.settled


def test_a_proxy_that_comes_back_is_not_believed_about_a_configuration_that_it_does_not_bring() -> None:
    envoy = connected(r=A)
    envoy.shells.clear()
    envoy.world = world(r={"a": "a"})
    envoy.connect()
    assert envoy.settle() == [(VHDS, [], ["r/a", "r/b"]), (RDS, ["r"], []), (VHDS, ["r/a"], [])]


def test_what_it_still_has_of_a_configuration_that_is_back_goes_with_the_first_response() -> None:
    """It was drained while the control plane was away; its hosts would stand in the way of those that have their domains now."""
    envoy = connected(r=A, s=B)
    envoy.change(world(r=A))
    envoy.settle()
    envoy.world = world(r=A, s={"d": "c"})
    envoy.connect(interrupted=True)
    envoy.settle()
    assert envoy.hosts == {"r": A, "s": {"d": "c"}}


def test_proxies_alike_share_what_they_are_sent() -> None:
    shared, first, second = Shared(), world(r=A, s=B), world(r={**A, "d": "d"}, s=B)
    ones = [Envoy(first, shared) for _ in range(2)]
    for it in ones:
        it.subscribe("r")
    assert len({id(last_hosts(it)) for it in ones}) == 1
    for it in ones:
        it.settle()
        it.subscribe("s")
    assert len({id(last_hosts(it)) for it in ones}) == 1
    for it in ones:
        it.settle()
        it.world = second
        it.stream.update(second)
    assert len({id(last_hosts(it)) for it in ones}) == 1


def last_hosts(envoy: Envoy) -> bytes:
    """The entries of the first virtual hosts that come."""
    envoy.listen()
    while envoy.inbox[0].type_url != VHDS:
        envoy.read()
        envoy.listen()
    return envoy.inbox[0].parts[0]


def test_clusters_go_only_when_hosts_have_stopped_naming_them() -> None:
    envoy = connected(r=A)
    first = {**world(r=A), CDS: contents(CDS, resource("old", 1), resource("new", 1))}
    envoy.change(first)
    envoy.say(DeltaRequest(type_url=CDS))
    envoy.settle()
    envoy.change({**world(r={"a": "new", "b": "b"}), CDS: contents(CDS, resource("new", 1))})
    envoy.listen()
    assert [response.type_url for response in envoy.inbox] == [VHDS]
    assert envoy.settle() == [(VHDS, ["r/a"], []), (CDS, [], ["old"])]


def test_a_proxy_that_comes_back_keeps_clusters_until_it_has_asked_for_its_hosts() -> None:
    envoy = connected(r=A)
    envoy.world = {**world(r={"a": "new", "b": "b"}), CDS: contents(CDS), EDS: contents(EDS), LDS: contents(LDS)}
    envoy.wants_hosts = False
    envoy.connect()
    envoy.wants_hosts = True
    envoy.say(DeltaRequest(type_url=CDS, initial_versions={"old": "1"}))
    envoy.say(DeltaRequest(type_url=LDS, initial_versions={"gone": "1"}))
    assert envoy.settle() == [(CDS, [], []), (LDS, [], ["gone"])]
    envoy.say(DeltaRequest(type_url=VHDS, initial_versions=dict(envoy.reported)))
    assert envoy.settle() == [(VHDS, ["r/a"], []), (CDS, [], ["old"])]


def test_a_host_that_is_refused_is_named_and_its_neighbours_arrive() -> None:
    envoy = connected(r=A)
    envoy.change(world(r={"a": "x", "b": "bad", "c": "c"}))
    envoy.settle()
    assert envoy.hosts["r"] == {"a": "x", "b": "b", "c": "c"}
    assert [each.name for each in envoy.rejections] == ["r/b"]
    assert envoy.stream.settled is False, "it serves the last good version instead"


def test_a_host_that_was_refused_for_its_neighbour_gets_another_chance_when_the_neighbour_changed() -> None:
    envoy = connected(r=A)
    envoy.change(world(r={"a": "bad", "b": "a"}))
    envoy.settle()
    assert envoy.hosts["r"] == A, "a keeps its domain, so b can't have it"
    envoy.change(world(r={"a": "c", "b": "a"}))
    envoy.settle()
    assert envoy.hosts["r"] == {"a": "c", "b": "a"}
    assert [each.words for each in envoy.rejections] == ["no good"], "the conflict is forgotten"


def test_what_lingers_goes_although_the_response_that_took_it_away_was_refused() -> None:
    envoy = connected(r=A)
    envoy.change(world())
    envoy.settle()
    envoy.change(world(r={"c": "bad", "d": "b"}))
    envoy.settle()
    assert envoy.hosts["r"] == {"d": "b"}
    assert [each.name for each in envoy.rejections] == ["r/c"]
    assert set(envoy.reported) == {"r/d"}


def test_what_is_taken_back_goes_although_the_response_that_said_so_was_refused() -> None:
    envoy = connected(r=A, s=B)
    envoy.change(world(r=A, s={"c": "bad"}))
    envoy.unsubscribe("r")
    envoy.settle()
    assert set(envoy.reported) == {"s/c"}
    assert envoy.stream.settled is False, "it serves the last good version instead"


def test_a_configuration_without_hosts_is_answered_although_a_neighbour_was_refused() -> None:
    envoy = connected()
    envoy.change(world(r={}, s={"c": "bad"}))
    envoy.subscribe("r", "s")
    assert ([], ["r/none"]) in envoy.told()[1:]


CONFIGS, HOSTS = ("r", "s", "t"), ("a", "b", "c")
HOST_SETS = st.dictionaries(st.sampled_from(HOSTS), st.sampled_from(("u", "v", "w", "x", "bad")), max_size=3).filter(
    lambda found: len({each for each in found.values() if each != "bad"}) == sum(each != "bad" for each in found.values())
)
PARTS = st.dictionaries(st.sampled_from(CONFIGS), HOST_SETS, max_size=3)


class Convergence(RuleBasedStateMachine):
    """Whatever happens on the way, requests end up where the last world says."""

    make = staticmethod(world)

    def __init__(self) -> None:
        super().__init__()
        self.envoy = Envoy(self.make())
        self.parts: Mapping[str, Config] = {}

    @rule(parts=PARTS)
    def the_world_changes(self, parts: Mapping[str, Config]) -> None:
        self.parts = parts
        self.envoy.change(self.make(**parts))

    @rule(config=st.sampled_from(CONFIGS))
    def it_asks_for_a_configuration(self, config: str) -> None:
        if config not in self.envoy.asked:
            self.envoy.subscribe(config)

    @precondition(lambda self: self.envoy.asked)
    @rule(data=st.data(), again=st.booleans())
    def it_lets_one_go(self, data: st.DataObject, again: bool) -> None:
        config = data.draw(st.sampled_from(sorted(self.envoy.asked)))
        self.envoy.unsubscribe(config)
        if again:
            self.envoy.subscribe(config)

    @rule()
    def the_server_speaks(self) -> None:
        self.envoy.listen()

    @precondition(lambda self: self.envoy.inbox)
    @rule()
    def it_reads(self) -> None:
        self.envoy.read()

    @rule(hosts_first=st.booleans(), interrupted=st.booleans())
    def it_reconnects(self, hosts_first: bool, interrupted: bool) -> None:
        if not self.envoy.shells:
            self.envoy.refused.clear()
        if not self.envoy.reported:
            self.envoy.refused.clear()
        self.envoy.connect(hosts_first=hosts_first, interrupted=interrupted)

    @rule()
    def patience_ends(self) -> None:
        self.envoy.stream.lose_patience()

    def teardown(self) -> None:
        self.envoy.settle()
        self.envoy.stream.lose_patience()
        good = {
            config: {host: host if content == "bad" else f"{content}2" for host, content in found.items()}
            for config, found in self.parts.items()
        }
        self.envoy.change(world(**good))
        self.envoy.settle()
        self.envoy.stream.lose_patience()
        self.envoy.settle()
        for config in self.envoy.asked & good.keys():
            assert self.envoy.hosts.get(config) == good[config]
        assert self.envoy.stream.settled
        # One that asks for no configuration on its stream is not told of hosts either: that comes with the next one that it asks for.
        assert not self.envoy.asked or not any(config_of(name) not in self.envoy.asked for name in self.envoy.reported)


TestConvergence = Convergence.TestCase
TestConvergence.settings = settings(stateful_step_count=30, deadline=None)
