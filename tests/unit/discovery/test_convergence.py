"""Whatever happens on the way (changes, refusals, reconnects, odd timing), a proxy ends with the world it asked for."""

from collections.abc import Mapping

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.unit.discovery.worlds import TYPES, DeltaProxy, SotwProxy, resource

from ostria.translate.names import CDS, EDS, LDS, RDS
from ostria.translate.prepared import ResourceSet

NAMES = ("a", "b", "c", "d")
PARTS = st.fixed_dictionaries({kind: st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), max_size=4) for kind in TYPES})


def build(parts: Mapping[str, Mapping[str, int]]) -> dict[str, ResourceSet]:
    """`d` is a workload's own resource; content 2 is what the proxies here refuse."""
    out = {}
    for kind, found in parts.items():
        made = {name: resource(name, content, requires(kind, name)) for name, content in found.items()}
        own = {name: each for name, each in made.items() if name == "d"}
        out[kind] = ResourceSet(kind, {name: each for name, each in made.items() if name != "d"}, own)
    return out


def requires(kind: str, name: str) -> tuple[tuple[str, str], ...]:
    match kind:
        case _ if kind == CDS:
            return ((EDS, name),)
        case _ if kind == LDS:
            return ((RDS, name),)
        case _:
            return ()


class DeltaConvergence(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.proxy = DeltaProxy(build({kind: {} for kind in TYPES}))
        self.asked: dict[str, set[str]] = {}
        self.refused: set[tuple[str, str, str]] = set()

    @rule(parts=PARTS)
    def the_world_changes(self, parts: Mapping[str, Mapping[str, int]]) -> None:
        self.proxy.change(build(parts))

    @rule(kind=st.sampled_from((CDS, LDS)))
    def it_asks_for_all(self, kind: str) -> None:
        if kind not in self.asked:
            self.asked[kind] = {"*"}
            self.proxy.ask(kind)

    @rule(kind=st.sampled_from((EDS, RDS)), names=st.sets(st.sampled_from(NAMES), min_size=1))
    def it_asks_for_names(self, kind: str, names: set[str]) -> None:
        self.asked.setdefault(kind, set()).update(names)
        self.proxy.ask(kind, *sorted(names))

    @precondition(lambda self: self.asked.get(EDS))
    @rule(name=st.sampled_from(NAMES))
    def it_drops_a_name(self, name: str) -> None:
        self.asked[EDS].discard(name)
        self.proxy.held[EDS].pop(name, None)
        self.proxy.ask(EDS, unsubscribe=(name,))

    @rule()
    def the_server_speaks(self) -> None:
        for response in self.proxy.receive():
            kind, names, _ = self.proxy.look(response)
            sent = {(kind, name, self.proxy.world[kind].get(name).version) for name in names}  # type: ignore[union-attr]
            assert not sent & self.refused, "refused content is never sent again"

    @precondition(lambda self: self.proxy.unanswered)
    @rule(data=st.data(), clear=st.booleans())
    def it_answers(self, data: st.DataObject, clear: bool) -> None:
        kind = data.draw(st.sampled_from(sorted(self.proxy.unanswered)))
        if b"=2" in self.proxy.unanswered[kind].data:
            self.refuse(kind, clear)
            return
        kept = {name for name in self.proxy.held[kind] if kind in (CDS, LDS) or name in self.asked[kind]}
        self.proxy.accept(kind)
        self.proxy.held[kind] = {name: held for name, held in self.proxy.held[kind].items() if self.wants(kind, name) or name in kept}

    @rule(forgets=st.booleans())
    def it_reconnects(self, forgets: bool) -> None:
        if forgets:
            self.proxy.held, self.refused = {kind: {} for kind in TYPES}, set()
        if not all(self.proxy.held[kind] for kind in self.asked):
            self.refused = set()
        self.proxy.reconnect({kind: tuple(sorted(names - {"*"})) for kind, names in self.asked.items()})

    @rule()
    def patience_ends(self) -> None:
        self.proxy.stream.lose_patience()

    def refuse(self, kind: str, clear: bool) -> None:
        """Envoy takes the good listeners and clusters of a response and names the others; elsewhere it takes nothing."""
        words = "Only unique values are permitted"
        if clear:
            message = DeltaDiscoveryResponse.FromString(self.proxy.unanswered[kind].data)
            bad = [each.name for each in message.resources if each.resource.value.endswith(b"=2")]
            words = f"Error adding/updating {'cluster' if kind == CDS else 'listener'}(s) " + "\n".join(f"{name}: no" for name in bad)
            if kind in (CDS, LDS):
                self.proxy.held[kind] |= {each.name: each.version for each in message.resources if each.name not in bad}
                for name in message.removed_resources:
                    self.proxy.held[kind].pop(name, None)
        self.refused |= {(each.type_url, each.name, each.version) for each in self.proxy.reject(kind, words)}

    def wants(self, kind: str, name: str) -> bool:
        return bool({"*", name} & self.asked.get(kind, set()))

    def teardown(self) -> None:
        for _ in range(200):
            self.the_server_speaks()
            if not self.proxy.unanswered:
                if not self.proxy.stream.waiting:
                    break
                self.proxy.stream.lose_patience()
            for kind in list(self.proxy.unanswered):
                if b"=2" in self.proxy.unanswered[kind].data:
                    self.refuse(kind, clear=False)
                else:
                    self.proxy.accept(kind)
        for kind in self.asked:
            wanted = {each.name: each.version for each in self.proxy.world[kind] if self.wants(kind, each.name)}
            good = {name: version for name, version in wanted.items() if not self.bad(kind, name)}
            held = {name: version for name, version in self.proxy.held[kind].items() if self.wants(kind, name)}
            assert good.items() <= held.items()
            if not any(self.bad(each, name) for each in TYPES for name in NAMES):
                assert held == good, "without refusals the removals arrive too"

    def bad(self, kind: str, name: str) -> bool:
        found = self.proxy.world[kind].get(name)
        return found is not None and found.body.endswith(b"=2")


class SotwConvergence(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.proxy = SotwProxy(build({kind: {} for kind in TYPES}))

    @rule(parts=PARTS)
    def the_world_changes(self, parts: Mapping[str, Mapping[str, int]]) -> None:
        self.proxy.change(build({kind: {name: content % 2 for name, content in found.items()} for kind, found in parts.items()}))

    @rule(kind=st.sampled_from((CDS, LDS)))
    def it_asks_for_all(self, kind: str) -> None:
        if kind not in self.proxy.asked:
            self.proxy.ask(kind)

    @rule(kind=st.sampled_from((EDS, RDS)), names=st.sets(st.sampled_from(NAMES), min_size=1))
    def it_asks_for_names(self, kind: str, names: set[str]) -> None:
        self.proxy.ask(kind, *sorted(names))

    @rule()
    def the_server_speaks(self) -> None:
        self.proxy.receive()

    @precondition(lambda self: self.proxy.unanswered)
    @rule(data=st.data())
    def it_accepts(self, data: st.DataObject) -> None:
        self.proxy.answer(data.draw(st.sampled_from(sorted(self.proxy.unanswered))))

    @rule()
    def it_reconnects(self) -> None:
        self.proxy.connect()

    def teardown(self) -> None:
        self.proxy.settle()
        self.proxy.stream.lose_patience()
        self.proxy.settle()
        for kind, names in self.proxy.asked.items():
            wanted = {each.name: each.version for each in self.proxy.world[kind] if not names or each.name in names}
            if kind in (CDS, LDS):
                assert self.proxy.held[kind] == wanted
            else:
                assert wanted.items() <= self.proxy.held[kind].items()


TestDelta = DeltaConvergence.TestCase
TestDelta.settings = settings(stateful_step_count=30, deadline=None)
TestSotw = SotwConvergence.TestCase
TestSotw.settings = settings(stateful_step_count=25, deadline=None)
