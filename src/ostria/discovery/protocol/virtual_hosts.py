"""Virtual hosts delivered one by one (VHDS), as Envoy speaks it: asked for through route configurations, never by name.

Envoy sends one request for virtual hosts, without names, however many configurations it has. What it wants follows from its route configurations: when
it has been given a shell (see `ostria.translate.assembly.apart`), all hosts of it follow, and from then on only those that change. So the names of
this subscription are route configurations, and a host is wanted when its configuration is among them.

A configuration that Envoy subscribes to anew begins without hosts, and yet Envoy goes on reporting the versions of those that it had once: hosts of a
configuration that it let go are taken back before it is sent again. One that is gone from the world keeps its hosts until Envoy lets it go:
connections that are being drained still use it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ostria.discovery.protocol.rejections import Rejection
from ostria.discovery.protocol.sharing import Difference
from ostria.discovery.protocol.subscription import Answered, Holding, Plan, Subscription
from ostria.translate.names import VHDS, config_of
from ostria.translate.prepared import Prepared

NO_HOST: Final = "none"
"""Said to be removed from a configuration that has no hosts: Envoy waits for a first answer before it uses the configuration."""


def delivered_apart(config: Prepared | None) -> bool:
    return config is not None and any(type_url == VHDS for type_url, _ in config.requires)


@dataclass(eq=False)
class VirtualHosts(Subscription):
    fresh: frozenset[str] = frozenset()
    """Configurations whose hosts are all to be sent."""
    begun: frozenset[str] = frozenset()
    """Those whose hosts the last plan was the first to bring."""
    reported: Mapping[str, str] = field(default_factory=dict)
    """Versions that a reconnecting proxy says it holds."""
    lingering: dict[str, frozenset[str]] = field(default_factory=dict)
    """Hosts that Envoy still has of a configuration that is gone from the world."""
    unanswered: dict[str, str] = field(default_factory=dict)
    """Names that requests in Envoy wait for → the virtual host that serves them (empty: none does). Each must be answered, or the request waits for ever."""
    retired: frozenset[str] = frozenset()
    """Hosts to take back before their configuration is sent again: Envoy would report them as if it still had them."""

    def wants(self, name: str) -> bool:
        return config_of(name) in self.names

    # What Envoy asks

    def add(self, names: Iterable[str]) -> None:
        """Names are asked for on demand only; everything wanted is sent anyhow, so what remains to be said is what isn't there."""
        self.forced.update(name for name in names if self.wants(name))

    def answer(self, hosts: Mapping[str, str]) -> None:
        """Names asked for on demand, with the host that serves each."""
        self.unanswered |= hosts

    def drop(self, names: Iterable[str]) -> None:
        """Which hosts it has follows from its configurations."""

    def begin_wildcard(self, *, implied: bool = False) -> None:
        """The same."""

    def claim(self, versions: Mapping[str, str]) -> None:
        self.reported = versions

    # What its route configurations say

    def compare(self, trusted: frozenset[str]) -> None:
        """Believe reported versions of configurations that the proxy brought with it, and take back what it reports of others."""
        self.retired |= frozenset(name for name in self.reported if config_of(name) not in trusted)
        self.reported = {name: version for name, version in self.reported.items() if config_of(name) in trusted}

    def follow(self, configs: frozenset[str]) -> None:
        """The proxy has been given these configurations, on this stream or before it reconnected."""
        if configs == self.names:
            return
        self._leave(self.names - configs)
        new = configs - self.names
        self.names = self.shared.intern(configs)
        self.fresh |= new
        if self.reported:
            self._recall(new)

    def ask_anew(self, configs: Iterable[str]) -> None:
        """Envoy let go of these configurations, or asks for them: it has none of their hosts, whatever it would report."""
        gone = frozenset(configs)
        self._leave(self.names & gone)
        self.retired |= frozenset(name for config in gone for name in self.lingering.pop(config, ()))
        self.retired |= frozenset(name for name in self.reported if config_of(name) in gone)
        self.reported = {name: version for name, version in self.reported.items() if config_of(name) not in gone}

    def release(self, configs: frozenset[str]) -> None:
        """Envoy let go of these and doesn't ask for them: the requests that waited for their hosts ended with the listeners that used them."""
        if self.unanswered:
            self.unanswered = {name: host for name, host in self.unanswered.items() if config_of(name) not in configs}

    def _leave(self, configs: frozenset[str]) -> None:
        if not configs:
            return
        held = {name for name in self._held_names() if config_of(name) in configs}
        for config in configs:
            self.lingering[config] = frozenset(name for name in held if config_of(name) == config) | self.lingering.get(config, frozenset())
        self.names = self.shared.intern(self.names - configs)
        self.fresh -= configs
        self.forced = {name for name in self.forced if self.wants(name)}
        self._forget(frozenset(name for name in self.holds.kept if not self.wants(name)))

    def _held_names(self) -> Iterable[str]:
        base, kept = self.holds.base, self.holds.kept
        yield from (name for name, held in kept.items() if held is not None)
        if base is not None:
            yield from (each.name for each in base if each.name not in kept and config_of(each.name) not in self.fresh)

    def _recall(self, configs: frozenset[str]) -> None:
        """Of these configurations it holds what it reported. Content that we don't have is known by its version only."""
        reported = {name: Prepared(name, b"", version, ()) for name, version in self.reported.items() if config_of(name) in configs}
        known = frozenset(map(config_of, reported))
        missing = dict.fromkeys(each.name for each in self._hosts(known))
        self.holds = Holding(self.holds.base, {**self.holds.kept, **missing, **reported})
        self.reported = {name: version for name, version in self.reported.items() if name not in reported}
        self.fresh -= known

    # What to send

    @property
    def due(self) -> bool:
        return super().due or bool(self.fresh or self.retired or self.unanswered)

    @property
    def settled(self) -> bool:
        return not self.fresh and not self.retired and not any(self._due()) and super().settled

    def plan(self, may_remove: Callable[[], bool]) -> Plan | None:
        if self.flight is not None:
            return None
        self.begun = frozenset()
        if self.fresh:
            if self._nothing_else():
                return self._first()
            self._force(self.fresh)
        if any(self._due()):
            self.owes_answer = True
            plan = self._careful(may_remove)
            return plan and plan._replace(answered=self._answered({each.name for each in plan.sent}))
        return self._careful(may_remove) if self.retired else super().plan(may_remove)

    def _due(self) -> Iterator[str]:
        """Names that can be answered: where the host's configuration has been given, or there is nothing to wait for."""
        return (name for name, host in self.unanswered.items() if not host or self.wants(host))

    def _answered(self, sent: Collection[str]) -> tuple[Answered, ...]:
        """While it isn't known which host Envoy refuses, questions about hosts that aren't sent wait."""
        found: dict[str, list[str]] = {}
        for name in [name for name in self._due() if not self.suspects or self.unanswered[name] in sent]:
            host = self.unanswered.pop(name)
            found.setdefault(host if host in sent or self.holds.get(host) is not None else name, []).append(name)
        return tuple(Answered(name, held.version if (held := self.holds.get(name)) else "", tuple(names)) for name, names in found.items())

    def _nothing_else(self) -> bool:
        odd = self.holds.kept or self.forced or self.suspects or self.rejections or self.retired or self.current.own or self.unanswered
        return not odd and self.holds.base in (None, self.current) and self.fresh.isdisjoint(self.lingering)

    def _first(self) -> Plan | None:
        """All hosts of new configurations, and nothing else: the same for all proxies alike."""
        bulk, empty = self._hosts(self.fresh), self._without_hosts(self.fresh)
        self.held_before, self.holds = self.holds, Holding(self.current, {})
        self.begun, self.fresh = self.fresh, frozenset()
        return self._answer(Plan(bulk, (), tuple(sorted(empty))))

    def _force(self, configs: frozenset[str]) -> None:
        names = frozenset(each.name for each in self._hosts(configs)) | self._without_hosts(configs)
        names |= frozenset(name for config in configs for name in self.lingering.pop(config, ()))
        late = frozenset(name for name in self.retired if config_of(name) in configs)
        names, self.retired = names | late, self.retired - late
        self.fresh = frozenset()
        self.forced |= names
        self._lose(names)

    def _hosts(self, configs: frozenset[str]) -> tuple[Prepared, ...]:
        return self.shared.members(self.current.shared, self.shared.intern(configs), config_of)

    def _without_hosts(self, configs: frozenset[str]) -> frozenset[str]:
        return frozenset(f"{config}/{NO_HOST}" for config in configs - self.shared.groups(self.current.shared, config_of))

    def _changes(self, difference: Difference) -> tuple[Prepared, ...]:
        return self.shared.changed_members(difference, self.names, config_of)

    def _everything(self) -> Plan | None:
        """Nothing is held, and no configuration asks for anything."""
        self.holds = Holding(self.current, {})
        return self._answer(Plan((), (), ()))

    def _candidates(self, held: Holding) -> set[str]:
        found = super()._candidates(held)
        if held.base is None:
            found.update(each.name for each in self._hosts(self.names))
        return found

    def _tellable(self, removed: tuple[str, ...]) -> tuple[str, ...]:
        retired, self.retired = self.retired, frozenset()
        return (*removed, *sorted(retired))

    # What the proxy answered

    def acknowledge(self) -> None:
        """A host that was refused because another one has its domain may be fine now that others have changed."""
        if self.flight is not None and (self.flight.plan.sent or self.flight.plan.removed):
            self.rejections.forget_conflicts(self.type_url)
        super().acknowledge()

    def refuse(self, words: str) -> list[Rejection]:
        if self.flight is not None:
            self.unanswered |= {alias: each.name for each in self.flight.plan.answered for alias in each.aliases}
            if self.flight.plan.sent:  # Refused whole: what was taken back is not.
                self.retired |= frozenset(name for name in self.flight.plan.removed if not self.wants(name))
        if self.flight is not None and self.begun:
            before = self.flight.before
            new = dict.fromkeys(each.name for each in self.flight.plan.sent if config_of(each.name) in self.begun)
            self.flight = replace(self.flight, before=Holding(before.base, {**before.kept, **new}))
        return super().refuse(words)
