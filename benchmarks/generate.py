"""What it costs to make a proxy's configuration, in one process and without gRPC: snapshot, first proxy, second proxy, and after one change.

CPU time of this process, the middle of several rounds, each with everything new. The path is the control plane's own: store, snapshots, translator.
"""

import gc
import itertools
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.figures import Figure
from benchmarks.scenarios import SCENARIOS, Json, Scenario
from ostria.api import decode
from ostria.api.meta import Resource
from ostria.config.memory import MemorySource
from ostria.config.store import Change, Store
from ostria.snapshot.snapshots import Snapshots
from ostria.snapshot.view import Proxy
from ostria.translate.prepared import ResourceSet
from ostria.translate.translator import Translator

ROUNDS, QUICK_ROUNDS = 5, 1


class ControlPlane:
    """The rooms between files and streams, without either."""

    def __init__(self, objects: Iterable[Resource]) -> None:
        self.store, self.snapshots, self.translator = Store(), Snapshots(), Translator()
        self._source, self._changes = MemorySource(self.store), list[Change]()
        self._source.put(*objects)
        self.store.subscribe(self._changes.extend)

    def advance(self, *objects: Resource) -> None:
        """The next snapshot, with these objects."""
        self._source.put(*objects)
        changes, self._changes[:] = tuple(self._changes), []
        self.snapshot = self.snapshots.advance(self.store, changes)

    def serve(self, claims: Proxy, types: Iterable[str]) -> list[ResourceSet]:
        proxy = self.snapshot.complete(claims)
        return [self.translator.resources(self.snapshot, proxy, type_url) for type_url in types]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Milliseconds."""

    snapshot: float
    first: float
    second: float
    changed: float
    resources: int
    size: int
    sent: int
    sent_size: int


def measure(*, quick: bool = False) -> Iterator[Figure]:
    for scenario in SCENARIOS:
        world = decoded(scenario.objects(0))
        yield from _figures(scenario, [_round(scenario, world) for _ in range(QUICK_ROUNDS if quick else ROUNDS)])


def decoded(objects: Iterable[Json]) -> list[Resource]:
    found = []
    for each in objects:
        for item in decode.objects(each):
            if item.resource is None:
                raise ValueError(f"{each['kind']} {each['metadata']['name']}: {item.issues}")
            found.append(item.resource)
    return found


def _round(scenario: Scenario, world: list[Resource]) -> Round:
    plane, (change,) = ControlPlane(world), decoded([scenario.changed(1)])
    one, two = scenario.proxies(0), scenario.proxies(1)
    gc.collect()
    gc.freeze()
    marks = [time.process_time()]
    plane.advance()
    marks.append(time.process_time())
    before = plane.serve(one, scenario.types)
    marks.append(time.process_time())
    plane.serve(two, scenario.types)
    marks.append(time.process_time())
    plane.advance(change)
    after = plane.serve(one, scenario.types)
    marks.append(time.process_time())
    if problems := plane.translator.problems():
        raise ValueError(f"{scenario.name}: {problems[0]}")
    gc.unfreeze()
    versions = {(found.type_url, each.name): each.version for found in before for each in found}
    sent = [each for found in after for each in found if versions.get((found.type_url, each.name)) != each.version]
    snapshot, first, second, changed = (round((b - a) * 1000, 2) for a, b in itertools.pairwise(marks))
    return Round(
        snapshot=snapshot,
        first=first,
        second=second,
        changed=changed,
        resources=sum(map(len, before)),
        size=sum(len(each.body) for found in before for each in found),
        sent=len(sent),
        sent_size=sum(len(each.body) for each in sent),
    )


def _figures(scenario: Scenario, rounds: list[Round]) -> Iterator[Figure]:
    last = rounds[-1]
    made, sent = f"{last.resources:,} resources, {last.size:,} bytes", f"{last.sent:,} resources, {last.sent_size:,} bytes are sent"
    for what, name, note in (
        ("snapshot", "snapshot", ""),
        ("first", "first proxy", made),
        ("second", "second proxy of the same view", ""),
        ("changed", f"{scenario.change}, snapshot and first proxy", sent),
    ):
        seen = [getattr(each, what) for each in rounds]
        yield Figure(name=f"{scenario.name}: {name}", value=statistics.median(seen), unit="ms", seen=seen, note=note)
