"""Route configurations of a view: bytes of virtual hosts, each built once for all views, joined behind bytes of their configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from ostria.snapshot.view import View
from ostria.translate import routes, splice
from ostria.translate.assembly.shelf import Item, Shelf
from ostria.translate.names import RDS, VHDS
from ostria.translate.patches import Patches
from ostria.translate.prepared import Prepared, content_version, prepare
from ostria.translate.routes import RouteConfigKey
from ostria.translate.workshop import Outcome, Workshop

_VIRTUAL_HOSTS = RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class _Part:
    """One route configuration: whole where its virtual hosts are inline, else their shell."""

    key: RouteConfigKey
    config: Item
    hosts: Shelf
    shell: Outcome | None = None
    """Kept so that it is not built again when only a host changes."""


class RouteAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.configs = Shelf(RDS)
        self.hosts = Shelf(VHDS)
        """Virtual hosts that are delivered one by one."""
        self._workshop = workshop
        self._patches: Patches | None = None
        self._parts: Mapping[str, _Part] = {}

    def renew(self, view: View, patches: Patches | None) -> None:
        known = self._parts if patches == self._patches else {}
        self._patches = patches
        last = self._parts
        self._parts = {
            key.name: held if (held := known.get(key.name)) is not None and held.key == key else self._part(key, last.get(key.name))
            for key in routes.keys(view)
        }
        self.configs.fill(part.config for part in self._parts.values())
        apart = (part.hosts for part in self._parts.values() if part.key.vhds)
        self.hosts.fill(Item(name, host, host.origins) for shelf in apart for name, host in shelf.content.items())
        failed = (problem for part in self._parts.values() for problem in part.hosts.problems)
        self.hosts.problems = (*self.hosts.problems, *failed)

    def _part(self, key: RouteConfigKey, last: _Part | None) -> _Part:
        """The shelf of hosts is the last one's, so that a host that fails keeps its last good version."""
        hosts = last.hosts if last is not None else Shelf(VHDS)
        if self._patches is not None:
            return self._patched(key, hosts, self._patches)
        hosts.fill(self._hosts(key))
        shell = self._workshop.make(RDS, (key.name, key.ignore_port, key.vhds), lambda: routes.shell(key))
        if key.vhds or not isinstance(shell, Prepared):
            return _Part(key, Item(key.name, shell), hosts, shell)
        return _Part(key, Item(key.name, self._workshop.intern(RDS, _joined(shell, hosts))), hosts, shell)

    def _hosts(self, key: RouteConfigKey) -> Iterator[Item]:
        for host in key.hosts:
            yield Item(host.name, self._workshop.make(VHDS, host, partial(routes.build_host, host)))

    def _patched(self, key: RouteConfigKey, hosts: Shelf, patches: Patches) -> _Part:
        """A patch may ask for anything in a configuration, so it is built whole."""
        outcome = self._workshop.make(RDS, key, lambda: routes.build(key), patches)
        if not key.vhds or not isinstance(outcome, Prepared):
            return _Part(key, Item(key.name, outcome), hosts)
        message = RouteConfiguration.FromString(outcome.body)
        hosts.fill(Item(h.name, prepare(h.name, h, outcome.origins)) for h in message.virtual_hosts)
        del message.virtual_hosts[:]
        return _Part(key, Item(key.name, prepare(key.name, message, outcome.origins)), hosts)


def _joined(shell: Prepared, hosts: Shelf) -> Prepared:
    body = splice.append(shell.body, _VIRTUAL_HOSTS, (host.body for host in hosts.content.values()))
    origins = tuple(dict.fromkeys(origin for host in hosts.content.values() for origin in host.origins))
    return Prepared(shell.name, body, content_version(body), origins, shell.requires)
