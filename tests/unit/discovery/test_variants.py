"""Both variants of the protocol lead to the same content, and who returns with what it has is sent what it lacks."""

from collections.abc import Mapping

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.unit.discovery.test_convergence import NAMES, PARTS, build
from tests.unit.discovery.worlds import TYPES, DeltaProxy, SotwProxy

from ostria.translate.names import CDS, EDS, LDS, RDS

Parts = Mapping[str, Mapping[str, int]]
EVERYTHING: Mapping[str, tuple[str, ...]] = {CDS: (), LDS: (), EDS: NAMES, RDS: NAMES}


class Twins(RuleBasedStateMachine):
    """Two proxies that ask for the same, one in each variant; what happens to them on the way differs. Content 2 is what they refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.world: Parts = {kind: {} for kind in TYPES}
        self.delta, self.sotw = DeltaProxy(build(self.world)), SotwProxy(build(self.world))
        self.asked: dict[str, set[str]] = {}

    @rule(parts=PARTS)
    def the_world_changes(self, parts: Parts) -> None:
        self.world = parts
        self.delta.change(build(parts))
        self.sotw.change(build(parts))

    @rule(kind=st.sampled_from(TYPES), names=st.sets(st.sampled_from(NAMES), min_size=1))
    def both_ask(self, kind: str, names: set[str]) -> None:
        if kind in (CDS, LDS):
            if kind in self.asked:
                return
            names = set()
        known = self.asked.setdefault(kind, set())
        self.delta.ask(kind, *sorted(names - known))
        known |= names
        self.sotw.ask(kind, *sorted(known))

    @rule()
    def delta_goes_on(self) -> None:
        self.delta.receive()
        for kind in sorted(self.delta.unanswered)[:1]:
            self.answer_delta(kind)

    @rule()
    def sotw_goes_on(self) -> None:
        self.sotw.receive()
        for kind in sorted(self.sotw.unanswered)[:1]:
            self.answer_sotw(kind)

    @rule(remembers=st.booleans())
    def delta_reconnects(self, remembers: bool) -> None:
        if not remembers:
            self.delta.held = {kind: {} for kind in TYPES}
        self.delta.reconnect({kind: tuple(sorted(names)) for kind, names in self.asked.items()})

    @rule()
    def sotw_reconnects(self) -> None:
        self.sotw.connect()

    @rule()
    def patience_ends(self) -> None:
        self.delta.stream.lose_patience()
        self.sotw.stream.lose_patience()

    def answer_delta(self, kind: str) -> None:
        message = DeltaDiscoveryResponse.FromString(self.delta.unanswered[kind].data)
        if any(each.resource.value.endswith(b"=2") for each in message.resources):
            self.delta.reject(kind, "no")
        else:
            self.delta.accept(kind)

    def answer_sotw(self, kind: str) -> None:
        bad = b"=2" in self.sotw.unanswered[kind].data
        self.sotw.answer(kind, "no" if bad else None)

    def teardown(self) -> None:
        for _ in range(300):
            self.delta.receive()
            self.sotw.receive()
            if not self.delta.unanswered and not self.sotw.unanswered:
                if not self.delta.stream.waiting and not self.sotw.stream.waiting:
                    break
                self.patience_ends()
            for kind in list(self.delta.unanswered):
                self.answer_delta(kind)
            for kind in list(self.sotw.unanswered):
                self.answer_sotw(kind)
        for kind, names in self.asked.items():
            for name in names or NAMES:
                found = self.delta.world[kind].get(name)
                if found is not None and not found.body.endswith(b"=2"):
                    assert self.delta.held[kind].get(name) == self.sotw.held[kind].get(name) == found.version
        if not any(2 in found.values() for found in self.world.values()):
            for kind in {CDS, LDS} & self.asked.keys():
                assert self.delta.held[kind] == self.sotw.held[kind]


TestTwins = Twins.TestCase
TestTwins.settings = settings(stateful_step_count=30, deadline=None)

GOOD = st.fixed_dictionaries({kind: st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1), max_size=4) for kind in TYPES})


@settings(deadline=None)
@given(GOOD, GOOD)
def test_who_returns_with_what_it_has_is_sent_what_changed_and_nothing_else(before: Parts, after: Parts) -> None:
    """But for endpoints of a cluster that changed: it waits for them, whatever it has."""
    proxy = DeltaProxy(build(before))
    for kind, wanted in EVERYTHING.items():
        proxy.ask(kind, *wanted)
    proxy.settle()
    had = {kind: dict(held) for kind, held in proxy.held.items()}
    proxy.change(build(after))
    proxy.reconnect(EVERYTHING)
    sent: dict[str, list[str]] = {kind: [] for kind in TYPES}
    for kind, names, removed in settled(proxy):
        sent[kind] += names
        assert all(name not in after[kind] for name in removed)
    for kind in TYPES:
        now = {each.name: each.version for each in proxy.world[kind]}
        changed = {name for name, version in now.items() if had[kind].get(name) != version}
        led = set(sent[CDS]) & now.keys() if kind == EDS else set()
        assert sorted(sent[kind]) == sorted(changed | led), "each once"
        assert proxy.held[kind] == now


def settled(proxy: DeltaProxy) -> list[tuple[str, list[str], list[str]]]:
    """With all that comes after patience has ended, too."""
    said = list(proxy.settle())
    proxy.stream.lose_patience()
    return said + list(proxy.settle())
