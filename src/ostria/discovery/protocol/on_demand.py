"""What one proxy that discovers on demand has asked for, and so what it is given of what it may have.

Envoy asks for a virtual host as CONFIGURATION/AUTHORITY and for a cluster by its name, once each, and says all of these names again when it reconnects:
the server remembers nothing for it. What it is given is a set of resources like any other, so changes, removals, refusals and their order are the
affair of the subscriptions, which don't know that it isn't everything. A proxy that asks for more names than a choice is worth is given everything.
"""

from collections.abc import Iterable, Iterator, Mapping

from ostria.translate.names import CDS, VHDS
from ostria.translate.prepared import Choice, Offer, Prepared, ResourceSet

_MOST = 5_000
"""Names of a type. Each is looked up again when the world changes; nobody who saves anything by discovering has so many."""


class Demand:
    def __init__(self) -> None:
        self._everything = False
        self._asked: dict[str, frozenset[str]] = {CDS: frozenset(), VHDS: frozenset()}
        self._whole: dict[str, ResourceSet] = {}
        self._given: dict[str, ResourceSet] = {}
        self._chosen: tuple[Offer, Choice] | None = None

    def asked(self, type_url: str) -> frozenset[str]:
        return self._asked.get(type_url, frozenset())

    def concerns(self, type_url: str) -> bool:
        """Names of this type are asked for on demand: an offer of it has been made."""
        return type_url in self._whole

    def ask(self, type_url: str, names: Iterable[str]) -> None:
        self._chosen = None
        if not self._everything:
            self._asked[type_url] |= frozenset(names)
            self._everything = len(self._asked[type_url]) > _MOST
        if self._everything:
            self._asked = dict.fromkeys(self._asked, frozenset())

    def drop(self, type_url: str, names: Iterable[str]) -> None:
        self._asked[type_url] -= frozenset(names)
        self._chosen = None

    def answers(self, names: Iterable[str]) -> Mapping[str, str]:
        """For each of these names the virtual host that serves it; empty where nothing does."""
        offer = self._whole[VHDS].offer
        if offer is None:
            return dict.fromkeys(names, "")
        found = offer.answers(names) if self._everything else self._choose(offer).answers
        return {name: found.get(name, "") for name in names}

    def narrowed(self, content: ResourceSet) -> ResourceSet:
        """Of a content that comes with an offer, the part that was chosen; the same set as before where nothing in it changed. Any other is as it is."""
        if content.offer is None:
            return content
        kind = content.type_url
        self._whole[kind] = content
        if self._everything:
            return content
        choice = self._choose(content.offer)
        shared, last = choice.clusters if kind == CDS else choice.hosts, self._given.get(kind)
        if last is None or last.own is not content.own or not _same(last.shared, shared):
            last = self._given[kind] = ResourceSet(kind, shared, content.own)
        return last

    def renewed(self) -> Iterator[ResourceSet]:
        """All contents, after more or less was asked for."""
        for content in tuple(self._whole.values()):
            yield self.narrowed(content)

    def _choose(self, offer: Offer) -> Choice:
        if self._chosen is None or not (self._chosen[0] == offer or offer.leaves(self._chosen[1], self._chosen[0])):
            choice = offer.choose(self._asked[VHDS], self._asked[CDS])
        else:
            choice = self._chosen[1]
        self._chosen = offer, choice
        return choice


def _same(old: Mapping[str, Prepared], new: Mapping[str, Prepared]) -> bool:
    """Order counts: it is the order in which the proxy is told."""
    if old is new:
        return True
    return len(old) == len(new) and all(
        a.name == b.name and a.version == b.version for a, b in zip(old.values(), new.values(), strict=True)
    )
