"""A cache key never means two things: whatever a cache gives back is made again beside it, and compared.

Watched are the places where something is found by what it was made of: the workshop (keys to bytes), the snapshot's memos, what a view keeps of the
view before it or takes from one elsewhere, where the translator leaves a proxy, and what streams share. A
test in which one of them gave back what it would not make anew fails, whatever it was about. Nothing but the comparison is added: counters of builds
count what they always do.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pytest
from tests.unit.snapshot.pictures import plain

from ostria.discovery.protocol.sharing import Generations
from ostria.snapshot.memo import Memo
from ostria.snapshot.view import Proxy, View
from ostria.translate.assembly.downstream import DownstreamAssembly
from ostria.translate.assembly.view import ViewAssembly
from ostria.translate.built import Built
from ostria.translate.patches import Patches
from ostria.translate.prepared import Prepared
from ostria.translate.translator import Snapshot, Translator
from ostria.translate.workshop import Failed, Outcome, Workshop


class Proof:
    """`findings` tells which keys meant two things since `begin`; `hits` counts what was compared."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.hits = 0
        self._contents: dict[tuple[int, str], tuple[ViewAssembly, View, Mapping[str, Prepared]]] = {}
        """By assembly and type: the last view and content that were compared."""

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Workshop, "make", self._proving_bytes(Workshop.make))
        patch.setattr(Memo, "get", self._proving_results(Memo.get))
        patch.setattr(ViewAssembly, "content", self._proving_contents(ViewAssembly.content))
        patch.setattr(Translator, "_place", self._proving_places(Translator._place))
        patch.setattr(Generations, "get", self._proving_shares(Generations.get))

    def begin(self) -> None:
        self.findings.clear()
        self._contents.clear()

    def _compare(self, what: object, held: object, anew: object) -> None:
        self.hits += 1
        if held != anew:
            self.findings.append(f"{what}\n  held: {held}\n  anew: {anew}")

    def _proving_bytes(self, make: Callable[..., Outcome]) -> Callable[..., Outcome]:
        def proved(workshop: Workshop, type_url: str, key: Hashable, build: Callable[[], Built], patches: Patches | None = None) -> Outcome:
            known = workshop._made.get((type_url, key, patches))
            outcome = make(workshop, type_url, key, build, patches)
            # A tamper may change its mind between two calls; that is what it is for.
            if known is not None and workshop._tamper is None:
                self._compare((type_url, key, patches), _content(outcome), _content(make(Workshop(), type_url, key, build, patches)))
            return outcome

        return proved

    def _proving_results(self, get: Callable[..., Any]) -> Callable[..., Any]:
        def proved(memo: Memo[Any], key: Hashable, inputs: tuple[object, ...], make: Callable[[], Any]) -> Any:
            made: list[Any] = []
            result = get(memo, key, inputs, lambda: _noted(made, make))
            if not made:
                self._compare(key, plain(result), plain(make()))
            return result

        return proved

    def _proving_contents(self, content: Callable[..., Mapping[str, Prepared]]) -> Callable[..., Mapping[str, Prepared]]:
        def proved(assembly: ViewAssembly, view: View, type_url: str) -> Mapping[str, Prepared]:
            held = content(assembly, view, type_url)
            proved_before = self._contents.get((id(assembly), type_url))
            if proved_before is not None and proved_before[1] is view and proved_before[2] is held:
                return held
            self._contents[id(assembly), type_url] = (assembly, view, held)
            # What could not be built keeps its last good version, which nobody can make anew.
            if assembly._clusters._workshop._tamper is None and not any(assembly.problems()):
                anew = content(ViewAssembly(Workshop(), DownstreamAssembly(Workshop())), view, type_url)
                self._compare((view.key, type_url), [*map(_content, held.values())], [*map(_content, anew.values())])
            return held

        return proved

    def _proving_places(self, find: Callable[..., Any]) -> Callable[..., Any]:
        def proved(translator: Translator, snapshot: Snapshot, proxy: Proxy) -> Any:
            generation = found.generation if (found := translator._places.get(proxy.id)) is not None else 0
            place = find(translator, snapshot, proxy)
            if place is found and generation != place.generation:
                inbound = snapshot.inbound(proxy) if place.own is not None else None
                held, anew = (place.shared.key, place.own and place.own.inbound), (snapshot.view_key(proxy), inbound)
                self._compare(f"the place of {proxy.id}", held, anew)
            return place

        return proved

    def _proving_shares(self, get: Callable[..., Any]) -> Callable[..., Any]:
        def proved(memo: Generations[Any], key: Hashable, subjects: tuple[object, ...], make: Callable[[], Any]) -> Any:
            made: list[Any] = []
            result = get(memo, key, subjects, lambda: _noted(made, make))
            if not made:
                self._compare(key, result, make())
            return result

        return proved


def _noted(made: list[Any], make: Callable[[], Any]) -> Any:
    made.append(make())
    return made[0]


def _content(outcome: Outcome) -> object:
    match outcome:
        case Prepared():
            return (outcome.name, outcome.body, outcome.version, outcome.origins, outcome.requires)
        case Failed():
            return (outcome.words, outcome.origins)
        case _:
            return type(outcome)
