"""Services as a namespace sees them: exportTo decides what is visible, and of several with one host which is meant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ostria.registry import visibility
from ostria.registry.model import Host, Port, Service


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Services:
    """Every service, by host; the one that wins first: Kubernetes' before entries', then the oldest."""

    by_host: Mapping[Host, tuple[Service, ...]]
    aliases: Mapping[Host, Host]
    by_node: bool = False
    """Some service routes to the client's own node, so that a proxy's node matters."""

    def seen_from(self, namespace: str) -> Iterator[Service]:
        """All that are visible, several of one host included."""
        for services in self.by_host.values():
            for service in services:
                if visibility.sees(namespace, service.export_to):
                    yield service

    def named(self, host: Host, namespace: str) -> Service | None:
        """The service that `host` means to clients of a namespace; their own namespace's comes first."""
        candidates = [s for s in self.by_host.get(self.aliases.get(host, host), ()) if visibility.sees(namespace, s.export_to)]
        return next((s for s in candidates if s.namespace == namespace), candidates[0] if candidates else None)


def index(by_host: Mapping[Host, tuple[Service, ...]], aliases: Mapping[Host, Host]) -> Services:
    every = (s for services in by_host.values() for s in services)
    return Services(
        by_host=by_host, aliases=aliases, by_node=any(s.internal_traffic_local or s.traffic_distribution == "PreferSameNode" for s in every)
    )


def default_scope(services: Services, namespace: str) -> tuple[Service, ...]:
    """Without a Sidecar everything visible is imported."""
    return imported(services.seen_from(namespace), namespace)


def imported(services: Iterable[Service], namespace: str) -> tuple[Service, ...]:
    """Of the services that a proxy imports, one for each host: its own namespace's, or else the one that wins everywhere."""
    found: dict[Host, Service] = {}
    for service in services:
        if service.host not in found or service.namespace == namespace:
            found[service.host] = service
    return ordered(found.values())


def ordered(services: Iterable[Service]) -> tuple[Service, ...]:
    return tuple(sorted(services, key=lambda s: (s.created, s.host)))


class Trimmed:
    """Services cut down to some of their ports; one object per answer."""

    def __init__(self) -> None:
        self._known: dict[tuple[Service, tuple[int, ...]], Service] = {}

    def keep_only(self, living: Mapping[Host, tuple[Service, ...]]) -> None:
        self._known = {key: cut for key, cut in self._known.items() if key[0] in living.get(key[0].host, ())}

    def to(self, service: Service, numbers: Iterable[int]) -> Service | None:
        """None if no port is left."""
        wanted = frozenset(numbers)
        ports: tuple[Port, ...] = tuple(p for p in service.ports if p.number in wanted)
        if ports == service.ports:
            return service
        if not ports:
            return None
        key = (service, tuple(p.number for p in ports))
        if (known := self._known.get(key)) is None:
            known = self._known[key] = replace(service, ports=ports)
        return known
