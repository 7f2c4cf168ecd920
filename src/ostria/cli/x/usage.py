"""What a proxy has used of the mesh, read off its Envoy: which services it opened connections to, and which hosts lead there.

Envoy counts by endpoint, always; counts go when an endpoint goes. Which host a request named is counted nowhere, so every virtual host that leads to
a cluster in use counts as used, rather too many than one too few. A proxy that discovers on demand is asked for nothing that it didn't need, so what it
asked for counts too.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ostria.cli.proxy_config.clusters import split
from ostria.cli.proxy_config.dump import Json, messages

UNKNOWN_HOSTS = "PassthroughCluster"
_OUTBOUND = "outbound"
_REQUESTS, _CONNECTIONS = "rq_total", "cx_total"


@dataclass(slots=True, kw_only=True)
class Use:
    """One host; `leads_to` are hosts in use that its routes reach, where it may not have been called itself."""

    ports: set[int] = field(default_factory=set)
    requests: int = 0
    connections: int = 0
    by: set[str] = field(default_factory=set)
    leads_to: set[str] = field(default_factory=set)
    asked_by: set[str] = field(default_factory=set)
    """Proxies that discovered it on demand."""

    @property
    def called(self) -> bool:
        return self.requests + self.connections > 0


@dataclass(slots=True, kw_only=True)
class Usage:
    """Of one proxy or of several."""

    hosts: dict[str, Use] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    """Every host that the proxies could call."""
    strangers: set[str] = field(default_factory=set)
    """Proxies that also called hosts which nobody declares."""

    def take(self, workload: str, clusters: Json, routes: Json, asked: Collection[str] = ()) -> None:
        """Add one proxy: the admin's `/clusters?format=json`, its `config_dump` of routes, and the names that it asked for on demand."""
        called = dict(_called(clusters))
        self.known |= {host for entry in clusters.get("cluster_statuses", ()) if (host := _host(entry["name"]))}
        if UNKNOWN_HOSTS in called:
            self.strangers.add(workload)
        for name, counts in called.items():
            if host := _host(name):
                use = self.hosts.setdefault(host, Use())
                use.ports.add(int(split(name).port))
                use.requests += counts[_REQUESTS]
                use.connections += counts[_CONNECTIONS]
                use.by.add(workload)
        for host, targets in _leading(routes, frozenset(called)):
            self.hosts.setdefault(host, Use()).leads_to |= targets - {host}
        for host in (*_served(routes, asked), *filter(None, map(_host, asked))):
            self.known.add(host)
            self.hosts.setdefault(host, Use()).asked_by.add(workload)


def _called(clusters: Json) -> Iterator[tuple[str, Mapping[str, int]]]:
    for entry in clusters.get("cluster_statuses", ()):
        counts: Counter[str] = Counter()
        for host in entry.get("host_statuses", ()):
            counts.update({stat["name"]: int(stat.get("value", 0)) for stat in host.get("stats", ())})
        if counts[_REQUESTS] or counts[_CONNECTIONS]:
            yield entry["name"], counts


def _host(cluster: str) -> str:
    """Empty for clusters that stand for no service."""
    name = split(cluster)
    return name.host if name.direction == _OUTBOUND else ""


def _leading(routes: Json, called: frozenset[str]) -> Iterator[tuple[str, set[str]]]:
    """Hosts by which requests can get to the clusters that were called."""
    for config in messages(routes, "RoutesConfigDump"):
        for virtual in config.get("virtual_hosts", ()):
            host, _, port = virtual["name"].removeprefix(f"{config.get('name')}/").rpartition(":")
            targets = {_host(name) for name in _clusters(virtual) if name in called}
            if port.isdecimal() and targets - {""}:
                yield host.strip("[]"), targets - {""}


def _served(routes: Json, asked: Collection[str]) -> Iterator[str]:
    """Hosts of services that serve these names (CONFIGURATION/AUTHORITY). What stands in for a stranger has no port in its name."""
    for config in messages(routes, "RoutesConfigDump"):
        prefix = f"{config.get('name')}/"
        wanted = {name.removeprefix(prefix) for name in asked if name.startswith(prefix)}
        wanted |= {name.rpartition(":")[0] for name in wanted}
        for virtual in config.get("virtual_hosts", ()):
            host, _, port = virtual["name"].removeprefix(prefix).rpartition(":")
            if port.isdecimal() and not wanted.isdisjoint(virtual.get("domains", ())):
                yield host.strip("[]")


def _clusters(part: object) -> Iterable[str]:
    """Every `cluster` and cluster weight's `name` below: routes, weights, mirrors."""
    match part:
        case Mapping():
            for value in part.values():
                yield from _clusters(value)
        case list():
            for each in part:
                yield from _clusters(each)
        case str() if part.startswith(f"{_OUTBOUND}|"):
            yield part
