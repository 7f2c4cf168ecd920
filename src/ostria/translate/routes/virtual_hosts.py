"""The virtual hosts of one port of one egress listener: those of VirtualServices first, oldest first, then services that none speaks for.

The order decides who keeps a domain that two of them claim.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ostria.registry.model import Port, Protocol, Resolution, Service
from ostria.snapshot.view import EgressListener, View
from ostria.translate.routes import domains
from ostria.translate.routes.claims import MESH, Claims, has_routes, hosts_without_service
from ostria.translate.routes.key import Routes, VirtualHostKey
from ostria.translate.routes.settings import counts_attempts
from ostria.translate.routes.sources import Sources

HTTP_PORT = 80
_ROUTED = frozenset(p for p in Protocol if p.is_http or p is Protocol.AUTO)


def is_routed(port: Port) -> bool:
    """HTTP, or not known before the first bytes arrive."""
    return port.protocol in _ROUTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A virtual host and the service that it stands for, if there is one."""

    key: VirtualHostKey
    service: Service | None


class Candidate(NamedTuple):
    """A host that wants its names. `service` is None for an alias, and for a host that only a VirtualService knows."""

    host: str
    hosts: tuple[str, ...]
    """Its full names: the host and, for a service, its aliases."""
    domains: tuple[str, ...]
    service: Service | None
    routes: Routes


class PortHosts:
    """One egress listener's virtual hosts, port by port. `port_in_domains`: clients name the port in the Host header and it tells services apart."""

    def __init__(self, view: View, listener: EgressListener, sources: Sources, *, port_in_domains: bool = False) -> None:
        self._namespace = view.key.namespace
        self._auto_addresses = view.key.dns_capture or view.key.dns_auto_allocate
        self._lookup = view.service
        self._claims = Claims(listener.virtual_services)
        self._sources = sources
        self._attempt_count = counts_attempts(view)
        self._port_in_domains = port_in_domains
        self.services = services_by_port(listener.services)

    def on(self, port: int, *, orphans: bool = True) -> Iterator[Named]:
        """`orphans`: on port 80, hosts of VirtualServices without any service are served too, so that they can steer traffic to the outside."""
        known, routed = self.services.get(port, (frozenset(), ()))
        taken = domains.Taken(known | {domains.with_port(h, port) for h in known}, reserved=("*",))
        named: set[str] = set()
        for host, hosts, wanted, service, routes in self._in_order(port, known, routed, orphans=orphans and port == HTTP_PORT):
            name = domains.with_port(host, port)
            free = taken.claim((*hosts, *(domains.with_port(h, port) for h in hosts)), wanted)
            if free and name not in named:
                named.add(name)
                key = VirtualHostKey(name=name, domains=free, routes=(routes,), attempt_count=self._attempt_count)
                yield Named(key=key, service=service)

    def _in_order(self, port: int, known: frozenset[str], routed: Sequence[Service], *, orphans: bool) -> Iterator[Candidate]:
        suffix = port if self._port_in_domains else 0
        spoken, silent = self._claimed(port, routed)
        for age in self._speaking(port) if orphans else sorted(spoken):
            vs = self._claims.virtual_services[age]
            routes = self._sources.for_virtual_service(vs, port, self._lookup)
            for host in hosts_without_service(vs, known):
                yield Candidate(host, (host,), _plain(host, suffix), None, routes)
            for service, alias in spoken.get(age, ()):
                yield self._alias(alias, suffix, routes) if alias else self._service(service, suffix, routes)
        for service in silent:
            yield self._service(service, suffix, self._sources.for_service(service, port))

    def _claimed(self, port: int, routed: Sequence[Service]) -> tuple[dict[int, list[tuple[Service, str]]], list[Service]]:
        """VirtualServices that have a say on the port, by age, with the (service, alias) pairs that they speak for; and services without one."""
        spoken: dict[int, list[tuple[Service, str]]] = {}
        silent: list[Service] = []
        for service in routed:
            ages = self._claims.on(service.host, port)
            if ages:
                spoken.setdefault(ages[0], []).append((service, ""))
            else:
                silent.append(service)
            # The others are unheard about this service, but not about further hosts that they name.
            for age in ages[1:]:
                spoken.setdefault(age, [])
            for alias in service.aliases:
                for age in self._claims.on(alias, port)[:1]:
                    spoken.setdefault(age, []).append((service, alias))
        return spoken, silent

    def _speaking(self, port: int) -> Iterator[int]:
        return (age for age, vs in enumerate(self._claims.virtual_services) if has_routes(vs, port, MESH))

    def _service(self, service: Service, suffix: int, routes: Routes) -> Candidate:
        hosts = (service.host, *service.aliases)
        addresses = service.addresses or (service.auto_addresses if self._auto_addresses else ())
        every_pod = service.owner.kind == "Service" and (service.headless or service.resolution is Resolution.PASSTHROUGH)
        wanted = domains.service_domains(hosts, addresses, self._home(hosts), every_pod, suffix)
        return Candidate(service.host, hosts, wanted, service, routes)

    def _alias(self, alias: str, suffix: int, routes: Routes) -> Candidate:
        wanted = domains.service_domains((alias,), (), self._home((alias,)), every_pod=False, port=suffix)
        return Candidate(alias, (alias,), wanted, None, routes)

    def _home(self, hosts: tuple[str, ...]) -> str:
        """Clients of all other namespaces share one variant, so that they share the virtual host's bytes."""
        return self._namespace if any(domains.home_namespace(h) == self._namespace for h in hosts) else ""


def _plain(host: str, suffix: int) -> tuple[str, ...]:
    return (domains.bracketed(host), domains.with_port(host, suffix)) if suffix else (domains.bracketed(host),)


def services_by_port(services: Sequence[Service]) -> dict[int, tuple[frozenset[str], Sequence[Service]]]:
    """Port → hosts of all services with that port, and those of them that HTTP can be routed to there."""
    hosts: dict[int, set[str]] = {}
    routed: dict[int, list[Service]] = {}
    for service in services:
        for port in service.ports:
            hosts.setdefault(port.number, set()).update((service.host, *service.aliases))
            # A service that only stands for another host is reached as that host's alias.
            if is_routed(port) and not service.external_name:
                routed.setdefault(port.number, []).append(service)
    return {number: (frozenset(hosts[number]), found) for number, found in routed.items()}
