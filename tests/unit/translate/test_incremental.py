"""Whatever happens in whatever order, proxies get the bytes that a control plane which sees only the final objects would send."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.town import PROXIES, STEPS, STREETS, Town

from ostria.snapshot.snapshots import Snapshot
from ostria.snapshot.view import Proxy
from ostria.translate.names import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, VHDS, outbound_cluster
from ostria.translate.prepared import ResourceSet
from ostria.translate.translator import Translator

TYPES = (CDS, EDS, LDS, RDS, VHDS, SDS, NDS, ECDS)
Sets = Mapping[str, Mapping[str, ResourceSet]]
Faults = set[tuple[str, str, str]]


class Held(NamedTuple):
    snapshot: Snapshot
    proxy: Proxy
    sets: Mapping[str, ResourceSet]


class ControlPlane:
    """A town, its translator, and the proxies that ask it."""

    def __init__(self) -> None:
        self.town = Town()
        self.translator = Translator()
        self._held: dict[str, Held] = {}

    def ask(self, proxies: Iterable[Proxy]) -> Sets:
        """The next snapshot, and what the proxies get of it."""
        snapshot = self.town.advance()
        return {claims.id: self._sets(snapshot, claims) for claims in proxies}

    def _sets(self, snapshot: Snapshot, claims: Proxy) -> Mapping[str, ResourceSet]:
        """As the push queue asks: not at all, where a glance tells that the proxy has it already."""
        held = self._held.get(claims.id)
        if held is not None and self.translator.same(snapshot, [(held.snapshot, held.proxy)]) == [True]:
            proxy, sets = held.proxy, held.sets
        else:
            proxy = snapshot.complete(claims)
            assert held is None or snapshot.places is not held.snapshot.places or proxy is held.proxy
            sets = {kind: self.translator.resources(snapshot, proxy, kind) for kind in TYPES}
        self._held[claims.id] = Held(snapshot, proxy, sets)
        return sets

    def faults(self) -> Faults:
        return {(p.type_url, p.name, f"{p.words} {p.origins}") for p in self.translator.problems()}


def written_out(sets: Sets, apart_from: Faults) -> Mapping[str, Any]:
    """Everything of every resource, in the order in which proxies are told. What could not be built keeps its last good version, so it stays out."""
    failed = {(kind, name) for kind, name, _ in apart_from}
    return {
        f"{proxy} {kind}": [(r.name, r.version, r.body, r.origins, r.requires) for r in content if (kind, r.name) not in failed]
        for proxy, contents in sets.items()
        for kind, content in contents.items()
    } | {f"{proxy} {kind} chosen": chosen(content, failed) for proxy, contents in sets.items() for kind, content in contents.items()}


ASKED = frozenset(
    {"9080/reviews.default", "9080/other.other:9080", "80/nobody.example", "http_proxy/reviews.default.svc.cluster.local:9080"}
)


def chosen(content: ResourceSet, failed: set[tuple[str, str]]) -> Any:
    """What a proxy that discovers on demand is given of it, for some names that it may ask for."""
    if content.offer is None:
        return None
    choice = content.offer.choose(ASKED, frozenset({outbound_cluster(9080, "", "gone.example")}))
    parts = {CDS: choice.clusters, VHDS: choice.hosts}
    built = [(kind, r.name, r.version, r.body) for kind, part in parts.items() for r in part.values() if (kind, r.name) not in failed]
    return built, dict(choice.answers)


_BATCHES = st.lists(
    st.tuples(st.lists(STEPS, min_size=1, max_size=6), st.sets(st.integers(0, len(PROXIES) - 1))),
    min_size=1,
    max_size=6,
)
"""Steps until the next snapshot, and which proxies ask for it: the others hear of a later one."""


@pytest.mark.timeout(600)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STREETS, _BATCHES)
def test_changes_one_by_one_lead_to_the_same_bytes_as_all_at_once(
    streets: tuple[int | None, ...], batches: list[tuple[list[tuple[int, int | None]], set[int]]]
) -> None:
    lived, fresh = ControlPlane(), ControlPlane()
    lived.town.live(enumerate(streets))
    for steps, asking in ([], set(range(len(PROXIES)))), *batches:
        lived.town.live(steps)
        lived.ask(PROXIES[i] for i in sorted(asking))
    fresh.town.live(sorted(lived.town.present.items()))
    now, wanted = lived.ask(PROXIES), fresh.ask(PROXIES)
    faults = fresh.faults()
    assert lived.faults() == faults
    assert written_out(now, faults) == written_out(wanted, faults)
