"""One type on one stream: what the proxy asked for, what it holds, and what it should be sent next.

What a proxy holds is a reference to the set that it was last brought to, and the few names for which that is not true (removals held back, content
that it refused). So a thousand proxies cost a thousand references, not a thousand dictionaries. Only one response is in flight at a time: what
changes meanwhile merges, because the next response is worked out when its turn comes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ostria.discovery.protocol.order import NEVER_REMOVED
from ostria.discovery.protocol.rejections import Rejection, Rejections, about, blame
from ostria.discovery.protocol.sharing import Difference, Shared
from ostria.translate.prepared import Prepared, ResourceSet

_MAX_ROUNDS = 256
"""Refusals of one change: enough to find twenty bad ones among thousands. Then everything that is still suspect counts as bad."""


class Answered(NamedTuple):
    """A resource that answers what the proxy asked for under other names (`aliases`). `version` is what the proxy holds of it, empty if nothing."""

    name: str
    version: str
    aliases: tuple[str, ...]


class Plan(NamedTuple):
    """What to send: `bulk` is a tuple shared with other proxies, `rest` is this proxy's own."""

    bulk: tuple[Prepared, ...]
    rest: tuple[Prepared, ...]
    removed: tuple[str, ...]
    answered: tuple[Answered, ...] = ()

    @property
    def sent(self) -> tuple[Prepared, ...]:
        return self.bulk + self.rest if self.rest else self.bulk


class Holding(NamedTuple):
    """What a proxy holds: all of `base` that it asked for, except for the names in `kept` (None: nothing)."""

    base: ResourceSet | None
    kept: Mapping[str, Prepared | None]

    def get(self, name: str) -> Prepared | None:
        if name in self.kept:
            return self.kept[name]
        return self.base.get(name) if self.base is not None else None


NOTHING = Holding(None, {})


@dataclass(frozen=True, slots=True)
class Flight:
    """A response that the proxy has not answered yet, and what it held before."""

    nonce: str
    plan: Plan
    before: Holding


@dataclass(slots=True, eq=False)
class Subscription:
    type_url: str
    shared: Shared
    rejections: Rejections
    current: ResourceSet
    """What the proxy should hold, as far as it asked for it."""
    wildcard: bool = False
    implied: bool = False
    """The wildcard was said by naming nothing."""
    names: frozenset[str] = frozenset()
    """Asked for by name."""
    holds: Holding = NOTHING
    """As if it had accepted the response in flight."""
    held_before: Holding = NOTHING
    """What it held when the last plan was made."""
    forced: set[str] = field(default_factory=set)
    """To be sent, or answered as missing, whatever the proxy holds."""
    claimed: Mapping[str, str] | None = None
    """Versions that a reconnecting proxy says it holds; looked at once."""
    untold: bool = False
    """The proxy came back with content of which it tells nothing (state of the world), and has not taken anything on this stream."""
    owes_answer: bool = False
    """The proxy waits for a response even if there is nothing in it."""
    flight: Flight | None = None
    suspects: list[frozenset[str]] = field(default_factory=list)
    """After an unclear rejection: groups of names that are tried one after the other."""
    rounds: int = 0
    sent_nonce: str = ""
    acknowledged_nonce: str = ""
    refusal: str = ""
    """Envoy's words, while its last answer was a rejection."""

    def wants(self, name: str) -> bool:
        return self.wildcard or name in self.names

    def add(self, names: Iterable[str]) -> None:
        """Subscribe; asking again for a name means that the proxy forgot what it had."""
        new = frozenset(names)
        self._unclaim(new & self.names)
        self.names = self.shared.intern(self.names | new)
        if self.holds.base is not None:
            self.forced |= new
            self._lose(new)

    def drop(self, names: Iterable[str]) -> None:
        """Unsubscribe. Under a wildcard the proxy forgets the resource, yet still wants it: it is sent again."""
        gone = self.names.intersection(names)
        self._unclaim(gone)
        self.names = self.shared.intern(self.names - gone)
        if self.wildcard:
            self.forced |= gone
            self._lose(gone)
        else:
            self.forced -= gone
            self._forget(gone)

    def begin_wildcard(self, *, implied: bool = False) -> None:
        self.implied = implied
        if not self.wildcard:
            self.wildcard, self.holds, self.owes_answer = True, NOTHING, True

    def end_wildcard(self) -> None:
        self.wildcard = False
        self._forget(frozenset(name for name in self.holds.kept if name not in self.names))

    def claim(self, versions: Mapping[str, str]) -> None:
        self.claimed = versions

    def _unclaim(self, names: frozenset[str]) -> None:
        """It forgot these since it said that it holds them."""
        if self.claimed and names:
            self.claimed = {name: version for name, version in self.claimed.items() if name not in names}

    def resend(self, names: Iterable[str]) -> None:
        """Send these again, if the proxy wants them."""
        self.forced.update(name for name in names if self.wants(name))

    @property
    def due(self) -> bool:
        """While nothing is in flight, a plan may come to something. Told by a glance, for most types of most proxies have nothing due at most times."""
        moved = self.holds.base is not self.current or self.forced or self.holds.kept
        return bool(moved or self.owes_answer or self.suspects or self.claimed is not None)

    @property
    def settled(self) -> bool:
        """The proxy holds, acknowledged, what it should; or nothing where it refused what it should hold."""
        if self.flight is not None or self.holds.base is not self.current or self.forced:
            return False
        return not self.holds.kept or all(held is None and self._blocked(name) for name, held in self.holds.kept.items())

    # What to send

    def plan(self, may_remove: Callable[[], bool]) -> Plan | None:
        """The next response's content, or None. With a plan in hand call `depart`."""
        if self.flight is not None:
            return None
        self.held_before = self.holds
        if self.holds.kept or self.forced or self.suspects or self.claimed is not None or self.rejections:
            return self._careful(may_remove)
        if self.holds.base is None:
            return self._careful(may_remove) if self.current.own.keys() & self.current.shared.keys() else self._everything()
        if self.holds.base is self.current:
            return self._answer(Plan((), (), ()))
        return self._changed(self.holds.base) or self._careful(may_remove)

    def depart(self, plan: Plan, nonce: str) -> None:
        self.flight, self.sent_nonce, self.owes_answer = Flight(nonce, plan, self.held_before), nonce, False

    def _everything(self) -> Plan | None:
        names = None if self.wildcard else self.names
        bulk = self.shared.chosen(self.current.shared, names)
        rest = tuple(each for each in self.current.own.values() if self.wants(each.name))
        complete = not self.names or (not self.wildcard and len(bulk) + len(rest) == len(self.names))
        removed = () if complete else tuple(sorted(name for name in self.names if self.current.get(name) is None))
        self.holds = Holding(self.current, {})
        return self._answer(Plan(bulk, rest, self._tellable(removed)))

    def _changed(self, base: ResourceSet) -> Plan | None:
        """The common case: shared content changed, nothing went away; worked out once for all proxies alike."""
        difference = self.shared.difference(base.shared, self.current.shared)
        if difference.removed or (base.own is not self.current.own and (base.own or self.current.own)):
            return None
        bulk = self._changes(difference)
        self.holds = Holding(self.current, {})
        return self._answer(Plan(bulk, (), ()))

    def _changes(self, difference: Difference) -> tuple[Prepared, ...]:
        return difference.changed if self.wildcard else self.shared.changed(difference, self.names)

    def _careful(self, may_remove: Callable[[], bool]) -> Plan | None:
        """Name by name, where something is held back, forced, refused, removed or claimed."""
        held = self.held_before = self._claims() if self.claimed is not None else self.holds
        names = sorted(self._candidates(held))
        hold_back = any(self.current.get(name) is None and held.get(name) is not None for name in names) and not may_remove()
        while True:
            send, removed, kept, forced = self._sort_out(names, held, hold_back)
            if send or not self.suspects:
                break
            self._next_suspects()
        self.holds, self.forced, self.claimed = Holding(self.current, kept), forced, None
        return self._answer(Plan((), tuple(send), self._tellable(tuple(removed))))

    def _sort_out(
        self, names: list[str], held: Holding, hold_back: bool
    ) -> tuple[list[Prepared], list[str], dict[str, Prepared | None], set[str]]:
        send: list[Prepared] = []
        removed: list[str] = []
        kept: dict[str, Prepared | None] = {}
        deferred: set[str] = set()
        for name in names:
            new, old, forced = self.current.get(name), held.get(name), name in self.forced
            if new is None:
                if old is not None and hold_back:
                    kept[name] = old
                elif old is not None or forced or held.base is None or name in held.kept:
                    # Also what is kept as nothing: it was asked for, and what was sent was not taken.
                    removed.append(name)
            elif self.rejections.blocks(new, self.type_url):
                kept[name] = old
            elif not forced and old is not None and old.version == new.version:
                pass
            elif self.suspects and name not in self.suspects[0]:
                kept[name] = old
                if forced:
                    deferred.add(name)
            else:
                send.append(new)
        return send, removed, kept, deferred

    def _candidates(self, held: Holding) -> set[str]:
        found = self.forced | held.kept.keys()
        if held.base is None:
            found |= self.names
            if self.wildcard:
                found.update(self.current.shared, self.current.own)
        elif held.base is not self.current:
            difference = self.shared.difference(held.base.shared, self.current.shared)
            found.update(each.name for each in difference.changed)
            found.update(difference.removed)
            found.update(held.base.own, self.current.own)
        return {name for name in found if self.wants(name)}

    def _claims(self) -> Holding:
        """What a reconnecting proxy says it holds. Content that we don't have is known by its version only."""
        claimed = self.claimed or {}
        return Holding(None, {name: Prepared(name, b"", version, ()) for name, version in claimed.items()})

    def _answer(self, plan: Plan) -> Plan | None:
        return plan if plan.bulk or plan.rest or plan.removed or self.owes_answer else None

    def _tellable(self, removed: tuple[str, ...]) -> tuple[str, ...]:
        return () if self.type_url in NEVER_REMOVED else removed

    # What the proxy answered

    def acknowledge(self) -> None:
        if self.flight is not None:
            self.acknowledged_nonce, self.refusal, self.flight, self.untold = self.flight.nonce, "", None, False
            self._next_suspects()

    def refuse(self, words: str) -> list[Rejection]:
        """The proxy refused the response in flight: what it held before stays; the content to blame is never sent again."""
        if self.flight is None:
            return []
        plan, before = self.flight.plan, self.flight.before
        self.flight, self.refusal = None, words
        sent = plan.sent
        culprits, others_applied = blame(self.type_url, sent, words)
        self.rounds += 1
        if self.rounds > _MAX_ROUNDS:
            culprits, others_applied = frozenset(each.name for each in sent), True
        undone = culprits if others_applied else frozenset(each.name for each in sent) | frozenset(plan.removed if sent else ())
        self.holds = Holding(self.holds.base, {**self.holds.kept, **{name: self._had(before, name) for name in undone}})
        self._suspect(frozenset(each.name for each in sent), culprits, others_applied)
        return [self.rejections.block(each, self.type_url, about(each.name, culprits, words)) for each in sent if each.name in culprits]

    def _had(self, before: Holding, name: str) -> Prepared | None:
        """What stays in place of a refused resource: unseen content, where the proxy may have brought some, so that it is taken back when its time comes."""
        return before.get(name) or (Prepared(name, b"", "", ()) if self.untold else None)

    def _suspect(self, sent: frozenset[str], culprits: frozenset[str], others_applied: bool) -> None:
        group = (self.suspects.pop(0) & sent if self.suspects else sent) - culprits
        if others_applied or not group:
            return
        if culprits:
            self.suspects.insert(0, group)
        else:
            ordered = sorted(group)
            half = len(ordered) // 2
            self.suspects[:0] = [frozenset(ordered[:half]), frozenset(ordered[half:])]

    def _next_suspects(self) -> None:
        if self.suspects:
            del self.suspects[0]
        if not self.suspects:
            self.rounds = 0

    def _blocked(self, name: str) -> bool:
        new = self.current.get(name)
        return new is not None and self.rejections.blocks(new, self.type_url)

    def _lose(self, names: frozenset[str]) -> None:
        self.holds = Holding(self.holds.base, {**self.holds.kept, **dict.fromkeys(names)})

    def _forget(self, names: frozenset[str]) -> None:
        if not names.isdisjoint(self.holds.kept):
            self.holds = Holding(self.holds.base, {name: held for name, held in self.holds.kept.items() if name not in names})
