"""Route configurations of a view: bytes of virtual hosts, each built once for all views, joined behind bytes of their configuration.

Where a view's proxies take virtual hosts one by one, the configurations are shells and the hosts a type of their own; see `apart`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from ostria.snapshot.view import View
from ostria.translate import routes, splice
from ostria.translate.assembly.apart import Delivery, Renamed, delivery, taken_apart
from ostria.translate.assembly.shelf import NOTHING, Item, Shelf
from ostria.translate.names import RDS, VHDS
from ostria.translate.patches import Patches
from ostria.translate.prepared import Prepared, content_version
from ostria.translate.routes import RouteConfigKey, VirtualHostKey
from ostria.translate.workshop import Failed, Outcome, Workshop

_VIRTUAL_HOSTS = RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class _Part:
    """One route configuration: whole, or a shell with `apart`, the hosts that are delivered one by one."""

    key: RouteConfigKey
    config: Item
    hosts: Shelf
    """As they are inline."""
    renamed: Renamed
    made: Outcome
    """Kept so that it is not built again when only a host changes."""
    apart: Mapping[str, Prepared]


class RouteAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.configs = Shelf(RDS)
        self.hosts = Shelf(VHDS)
        """Virtual hosts that are delivered one by one."""
        self._workshop, self._planner = workshop, routes.Planner()
        self._patches: Patches | None = None
        self._parts: Mapping[str, _Part] = {}

    def renew(self, view: View, patches: Patches | None) -> None:
        known = self._parts if patches == self._patches else {}
        self._patches = patches
        last = self._parts
        self._parts = {
            key.name: held
            if (held := known.get(key.name)) is not None and held.key == key
            else self._part(key, held, last.get(key.name), delivery(view.key, single=key.single))
            for key in self._planner.keys(view)
        }
        self.configs.fill(part.config for part in self._parts.values())
        self.hosts.fill(Item(name, host, host.origins) for part in self._parts.values() for name, host in part.apart.items())
        failed = (problem for part in self._parts.values() for problem in part.hosts.problems)
        self.hosts.problems = (*self.hosts.problems, *failed)

    def _part(self, key: RouteConfigKey, held: _Part | None, last: _Part | None, by: Delivery) -> _Part:
        """The shelf of hosts is the last one's, so that a host that fails keeps its last good version. `held` is `last` where patches are the same."""
        hosts = last.hosts if last is not None else Shelf(VHDS)
        renamed = last.renamed if last is not None else Renamed(self._workshop.intern)
        apart = by is not Delivery.WHOLE
        if self._patches is not None:
            made = self._workshop.make(RDS, key, lambda: routes.build(key), self._patches)
            config, moved = self._patched(key, made, by) if apart else (made, NOTHING)
        else:
            if held is None or not self._replaced(hosts, held.key, key):
                hosts.fill(map(self._host, key.hosts))
            made = self._shell(key, apart=apart)
            config, moved = self._moved(key, made, hosts, renamed, by) if apart else (self._joined(made, hosts.content.values()), NOTHING)
        if isinstance(made, Failed) and last is not None:
            # The shell that is kept belongs with the hosts that are kept.
            moved = last.apart
        return _Part(key, Item(key.name, config), hosts, renamed, made, moved)

    def _replaced(self, hosts: Shelf, old: RouteConfigKey, new: RouteConfigKey) -> bool:
        """Put the hosts that are new in place of those before; False, and nothing done, where there is more to it."""
        if [host.name for host in old.hosts] != [host.name for host in new.hosts]:
            return False
        changed = [host for before, host in zip(old.hosts, new.hosts, strict=True) if host is not before and host != before]
        made = [outcome for host in changed if isinstance(outcome := self._host(host).outcome, Prepared)]
        return len(made) == len(changed) and hosts.replace([hosts.content[each.name] for each in made if each.name in hosts.content], made)

    def _host(self, key: VirtualHostKey) -> Item:
        return Item(key.name, self._workshop.make(VHDS, key, partial(routes.build_host, key)))

    def _shell(self, key: RouteConfigKey, *, apart: bool) -> Outcome:
        build = routes.shell_apart if apart else routes.shell
        return self._workshop.make(RDS, (key.name, key.ignore_port, apart), lambda: build(key))

    def _moved(
        self, key: RouteConfigKey, shell: Outcome, hosts: Shelf, renamed: Renamed, by: Delivery
    ) -> tuple[Outcome, Mapping[str, Prepared]]:
        """Which hosts move is told by their keys; their bytes stay unread."""
        staying = frozenset(host.name for host in key.hosts if not by.moves(host.name, host.domains))
        inline = [host for name, host in hosts.content.items() if name in staying]
        return self._joined(shell, inline), renamed.hosts(key.name, (host for name, host in hosts.content.items() if name not in staying))

    def _patched(self, key: RouteConfigKey, whole: Outcome, by: Delivery) -> tuple[Outcome, Mapping[str, Prepared]]:
        """A patch may ask for anything in a configuration, so it is built whole and taken apart afterwards."""
        if not isinstance(whole, Prepared):
            return whole, NOTHING
        shell, hosts = taken_apart(whole, by, {host.name: routes.origins(host) for host in key.hosts})
        intern = self._workshop.intern
        return intern(RDS, shell), {name: intern(VHDS, host) for name, host in hosts.items()}

    def _joined(self, shell: Outcome, hosts: Iterable[Prepared]) -> Outcome:
        if not isinstance(shell, Prepared):
            return shell
        found = tuple(hosts)
        body = splice.append(shell.body, _VIRTUAL_HOSTS, (host.body for host in found))
        origins = tuple(dict.fromkeys(origin for host in found for origin in host.origins))
        return self._workshop.intern(RDS, Prepared(shell.name, body, content_version(body), origins, shell.requires))
