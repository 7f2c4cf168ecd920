"""The menu of a view whose proxies discover on demand, kept while what it is made of stays the same."""

from collections.abc import Mapping

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from ostria.translate.names import ECDS, LDS, RDS, VHDS, config_of
from ostria.translate.on_demand import Directory, Menu, Naming
from ostria.translate.prepared import Prepared

Contents = tuple[Mapping[str, Prepared], ...]
"""Clusters, route configurations, virtual hosts, listeners, extensions."""


class Menus:
    def __init__(self) -> None:
        self._contents: Contents = ()
        """Kept alive, so that identities stay theirs."""
        self._made_of: tuple[object, ...] = ()
        self._menu: Menu | None = None
        self._directories: dict[str, Directory] = {}

    def get(self, naming: Naming, contents: Contents, later: frozenset[str], start: frozenset[str]) -> Menu:
        made_of = (*map(id, contents), later, start)
        if self._menu is None or made_of != self._made_of:
            clusters, configs, hosts, listeners, extensions = contents
            self._directories = self._renewed(naming, configs, hosts)
            used = (*naming.clusters_of(listeners, LDS), *naming.clusters_of(extensions, ECDS), *naming.clusters_of(configs, RDS))
            self._menu = Menu.of(naming, clusters, later, used, hosts, self._directories, start)
            self._contents, self._made_of = contents, made_of
        return self._menu

    def _renewed(self, naming: Naming, configs: Mapping[str, Prepared], hosts: Mapping[str, Prepared]) -> dict[str, Directory]:
        """A directory for each configuration that is delivered apart; a change of routes leaves the domains, and so the directory, as they are."""
        by_config: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name, each in configs.items() if (VHDS, name) in each.requires}
        for name, host in hosts.items():
            by_config.setdefault(config_of(name), {})[name] = naming.domains(host)
        return {name: self._directory(name, found, configs.get(name)) for name, found in by_config.items()}

    def _directory(self, name: str, hosts: Mapping[str, tuple[str, ...]], config: Prepared | None) -> Directory:
        ignore_port = config is None or RouteConfiguration.FromString(config.body).ignore_port_in_host_matching
        known = self._directories.get(name)
        if known is not None and known.ignore_port == ignore_port and known.hosts == hosts:
            return known
        return Directory(hosts, ignore_port=ignore_port)
