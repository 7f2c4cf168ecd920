"""The virtual hosts of one port of one egress listener: those of VirtualServices first, oldest first, then services that none speaks for.

The order decides who keeps a domain that two of them claim.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


class PortHosts:
    """One egress listener's virtual hosts, port by port. `port_in_domains`: clients name the port in the Host header and it tells services apart."""

    def __init__(self, view: View, listener: EgressListener, sources: Sources, *, port_in_domains: bool = False) -> None:
        self._namespace = view.key.namespace
        self._auto_addresses = view.key.dns_capture and view.key.dns_auto_allocate
        self._lookup = view.service
        self._claims = Claims(listener.virtual_services)
        self._sources = sources
        self._attempt_count = counts_attempts(view)
        self._port_in_domains = port_in_domains
        self.services = services_by_port(listener.services)

    def on(self, port: int, *, orphans: bool = True) -> Iterator[Named]:
        """`orphans`: on port 80, hosts of VirtualServices without any service are served too, so that they can steer traffic to the outside."""
        known, routed = self.services.get(port, (frozenset(), ()))
        taken = domains.Taken(known | {f"{h}:{port}" for h in known}, reserved=("*",))
        named: set[str] = set()
        for host, service, routes in self._in_order(port, known, routed, orphans=orphans and port == HTTP_PORT):
            name = domains.with_port(host, port)
            free = self._claim(taken, host, service, port)
            if free and name not in named:
                named.add(name)
                yield Named(
                    key=VirtualHostKey(name=name, domains=free, routes=(routes,), attempt_count=self._attempt_count), service=service
                )

    def _in_order(
        self, port: int, known: frozenset[str], routed: Sequence[Service], *, orphans: bool
    ) -> Iterator[tuple[str, Service | None, Routes]]:
        spoken: dict[int, list[Service]] = {}
        silent: list[Service] = []
        for service in routed:
            ages = self._claims.on(service.host, port)
            (spoken.setdefault(ages[0], []) if ages else silent).append(service)
            # The others are unheard about this service, but not about further hosts that they name.
            for age in ages[1:]:
                spoken.setdefault(age, [])
        for age in self._speaking(port) if orphans else sorted(spoken):
            vs = self._claims.virtual_services[age]
            routes = self._sources.for_virtual_service(vs, port, self._lookup)
            for host in hosts_without_service(vs, known):
                yield host, None, routes
            for service in spoken.get(age, ()):
                yield service.host, service, routes
        for service in silent:
            yield service.host, service, self._sources.for_service(service, port)

    def _speaking(self, port: int) -> Iterator[int]:
        return (age for age, vs in enumerate(self._claims.virtual_services) if has_routes(vs, port, MESH))

    def _claim(self, taken: domains.Taken, host: str, service: Service | None, port: int) -> tuple[str, ...]:
        suffix = port if self._port_in_domains else 0
        own = (domains.bracketed(host), domains.with_port(host, port))
        if service is None:
            return taken.claim(own, own if suffix else own[:1])
        return taken.claim(own, self.domains(service, suffix))

    def domains(self, service: Service, suffix: int) -> tuple[str, ...]:
        hosts = (service.host, *service.aliases)
        # Clients of all other namespaces share one variant, so that they share the virtual host's bytes.
        home = self._namespace if any(domains.home_namespace(h) == self._namespace for h in hosts) else ""
        addresses = service.addresses or (service.auto_addresses if self._auto_addresses else ())
        every_pod = service.owner.kind == "Service" and (service.headless or service.resolution is Resolution.PASSTHROUGH)
        return domains.service_domains(hosts, addresses, home, every_pod, suffix)


def services_by_port(services: Sequence[Service]) -> dict[int, tuple[frozenset[str], Sequence[Service]]]:
    """Port → hosts of all services with that port, and those of them that HTTP can be routed to there."""
    hosts: dict[int, set[str]] = {}
    routed: dict[int, list[Service]] = {}
    for service in services:
        for port in service.ports:
            hosts.setdefault(port.number, set()).add(service.host)
            # A service that only stands for another host is reached as that host's alias.
            if is_routed(port) and not service.external_name:
                routed.setdefault(port.number, []).append(service)
    return {number: (frozenset(hosts[number]), found) for number, found in routed.items()}
