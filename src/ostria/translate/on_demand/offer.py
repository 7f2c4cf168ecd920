"""What the proxies of a view may have, and what of it one of them is given for the names that it asked for.

A proxy starts with the hosts that its Sidecar spells out, or else those of its own namespace, with whatever these lead to, and with what its listeners and
filters use. A host that it asks for brings its clusters along, so that a route never waits for where it leads.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from ostria.snapshot.view import View
from ostria.translate.names import VHDS, config_of, virtual_host
from ostria.translate.on_demand import stand_ins
from ostria.translate.on_demand.directory import EVERYTHING, Directory, without_port
from ostria.translate.on_demand.naming import Naming
from ostria.translate.prepared import Choice, Prepared

STRANGERS: Final = 500
"""Hosts that nobody declares which a proxy may ask for in one route configuration. One that calls more of them is given the host for everything, and
so all others of that configuration: each would be a virtual host of its own in Envoy, for ever."""


def start_hosts(view: View) -> frozenset[str]:
    """Those that the proxy's Sidecar spells out; where it spells out none, those of the proxy's namespace."""
    named = frozenset().union(*(listener.named for listener in view.egress))
    return named or frozenset(service.host.lower() for service in view.services() if service.namespace == view.key.namespace)


class Change(NamedTuple):
    """Names whose content is another one."""

    hosts: frozenset[str]
    clusters: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Menu:
    """One view's clusters and virtual hosts, whole, and which of them come first."""

    naming: Naming
    clusters: Mapping[str, Prepared]
    hosts: Mapping[str, Prepared]
    directories: Mapping[str, Directory]
    """By route configuration."""
    first_clusters: frozenset[str]
    first_hosts: frozenset[str]
    openings: dict[frozenset[str], Choice] = field(default_factory=dict)
    """One object for all proxies alike."""
    changes: "WeakKeyDictionary[Menu, Change | None]" = field(default_factory=WeakKeyDictionary)
    """What differs from older menus."""

    @classmethod
    def of(
        cls,
        naming: Naming,
        clusters: Mapping[str, Prepared],
        later: frozenset[str],
        used: Iterable[str],
        hosts: Mapping[str, Prepared],
        directories: Mapping[str, Directory],
        start: frozenset[str],
    ) -> "Menu":
        """`later` are clusters that can wait until they are asked for, `used` those that listeners and filters name, `start` the hosts to start with."""
        first = _with_swallowed(directories, (name for name in hosts if without_port(name.rpartition("/")[2]).strip("[]").lower() in start))
        led_to = (name for host in first for name in naming.clusters(hosts[host], VHDS))
        now = (clusters.keys() - later) | (clusters.keys() & {*used, *led_to})
        return cls(naming=naming, clusters=clusters, hosts=hosts, directories=directories, first_clusters=frozenset(now), first_hosts=first)

    def opening(self, used: frozenset[str]) -> Choice:
        """Before anything was asked for. `used` are clusters of services that the workload's own listeners name."""
        found = self.openings.get(used)
        if found is None:
            found = self.openings[used] = self.choose(frozenset(), used)
        return found

    def answers(self, asked: Iterable[str]) -> Mapping[str, str]:
        """With everything there, no stranger needs a host of its own."""
        return {name: self._everything(host) for name, host in self._serving(asked)}

    def change_since(self, older: "Menu") -> "Change | None":
        """What differs in content from an older menu; None where more than that does."""
        if older not in self.changes:
            self.changes[older] = self._compared(older)
        return self.changes[older]

    def _compared(self, older: "Menu") -> "Change | None":
        alike = (
            self.clusters.keys() == older.clusters.keys()
            and self.first_clusters == older.first_clusters
            and self.first_hosts == older.first_hosts
            and self.directories.keys() == older.directories.keys()
            and all(directory is older.directories[config] for config, directory in self.directories.items())
        )
        change = Change(_changed(older.hosts, self.hosts), _changed(older.clusters, self.clusters)) if alike else None
        # What stands in for a stranger is made of the host for everything.
        everything = (directory.everything for directory in self.directories.values())
        return change if change is not None and change.hosts.isdisjoint(everything) else None

    def choose(self, asked: frozenset[str], asked_clusters: frozenset[str]) -> Choice:
        answers = dict(self._serving(asked))
        known = frozenset(answers.values()) & self.hosts.keys()
        flooded = self._flooded(answers.values())
        answers = {name: self._everything(host) if config_of(host) in flooded else host for name, host in answers.items()}
        wanted = self.first_hosts | _with_swallowed(self.directories, known - self.first_hosts)
        wanted |= frozenset(host for config in flooded for host in self.directories[config].hosts)
        hosts = {name: self.hosts.get(name) or self._stand_in(name) for name in sorted(wanted.union(answers.values()))}
        return Choice(self._clusters_for(hosts, asked_clusters), hosts, answers)

    def _serving(self, asked: Iterable[str]) -> Iterator[tuple[str, str]]:
        for name in asked:
            config, _, authority = name.rpartition("/")
            directory = self.directories.get(config)
            if directory is None:
                continue
            plain = directory.plain(authority)
            found = directory.serving(plain)
            if not found and directory.everything:
                alone = len(directory.hosts) == 1
                found = directory.everything if alone else virtual_host(config, plain) if plain and EVERYTHING not in plain else ""
            if found:
                yield name, found

    def _flooded(self, hosts: Iterable[str]) -> frozenset[str]:
        strangers = Counter(config_of(host) for host in set(hosts) if host not in self.hosts)
        return frozenset(config for config, count in strangers.items() if count > STRANGERS)

    def _everything(self, host: str) -> str:
        """Where the host for everything is there, no stranger needs one of its own."""
        return host if host in self.hosts else self.directories[config_of(host)].everything

    def _stand_in(self, name: str) -> Prepared:
        config, _, domain = name.rpartition("/")
        return stand_ins.host_for(self.hosts[self.directories[config].everything], name, domain)

    def _clusters_for(self, hosts: Mapping[str, Prepared], asked: frozenset[str]) -> Mapping[str, Prepared]:
        led_to = {name for host in hosts.values() if host.name not in self.first_hosts for name in self.naming.clusters(host, VHDS)}
        found = self.first_clusters | asked | (led_to & self.clusters.keys())
        return {name: self.clusters.get(name) or stand_ins.nowhere(name) for name in sorted(found)}


@dataclass(frozen=True, slots=True)
class WorkloadOffer:
    """A menu for one workload: `used` are clusters of services that its own listeners name."""

    menu: Menu
    used: frozenset[str]

    def choose(self, asked: frozenset[str], clusters: frozenset[str]) -> Choice:
        """`asked` are virtual hosts as Envoy names them (CONFIGURATION/AUTHORITY), `clusters` are clusters by name."""
        used = frozenset(self.used & self.menu.clusters.keys())
        return self.menu.choose(asked, clusters | used) if asked or clusters else self.menu.opening(used)

    def answers(self, asked: Iterable[str]) -> Mapping[str, str]:
        return self.menu.answers(asked)

    def leaves(self, choice: Choice, older: "WorkloadOffer") -> bool:
        """A change of what others chose is none for this proxy: one comparison for all of them, and a glance for each."""
        change = self.menu.change_since(older.menu) if self.used == older.used else None
        return change is not None and change.hosts.isdisjoint(choice.hosts) and change.clusters.isdisjoint(choice.clusters)


def _changed(old: Mapping[str, Prepared], new: Mapping[str, Prepared]) -> frozenset[str]:
    return frozenset(name for name, prepared in new.items() if old.get(name) is not prepared)


def _with_swallowed(directories: Mapping[str, Directory], names: Iterable[str]) -> frozenset[str]:
    by_config: dict[str, list[str]] = {}
    for name in names:
        by_config.setdefault(config_of(name), []).append(name)
    found = {name for chosen in by_config.values() for name in chosen}
    return frozenset(found).union(*(directories[config].swallowed(chosen) for config, chosen in by_config.items()))
