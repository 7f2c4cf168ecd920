"""Which VirtualService speaks for a service on a port: the one that names its host, else the one with the longest wildcard that covers it.

In the mesh only one VirtualService counts for a host, the oldest. One that has no route for the port doesn't count on that port.
"""

from collections.abc import Sequence

from ostria.api.networking.virtual_service import HTTPMatchRequest
from ostria.registry import hosts
from ostria.registry.model import Host
from ostria.snapshot.view import ResolvedVirtualService

MESH = "mesh"


def matches_here(match: HTTPMatchRequest, port: int, gateway: str) -> bool:
    """Whether a match can succeed at `gateway` on `port`; its other conditions are the request's."""
    return (not match.port or match.port == port) and (not match.gateways or gateway in match.gateways)


def has_routes(virtual_service: ResolvedVirtualService, port: int, gateway: str) -> bool:
    return any(not r.match or any(matches_here(m, port, gateway) for m in r.match) for r in virtual_service.spec.http)


class Claims:
    """The VirtualServices of one egress listener, oldest first, by host. An age is a position in that order."""

    def __init__(self, virtual_services: Sequence[ResolvedVirtualService]) -> None:
        self.virtual_services = virtual_services
        self._named: dict[str, list[int]] = {}
        self._wild: dict[Host, int] = {}
        for age, vs in enumerate(virtual_services):
            for host in vs.spec.hosts:
                self._named.setdefault(host, []).append(age)
                if hosts.is_wildcard(host):
                    self._wild.setdefault(Host(host), age)

    def on(self, host: Host, port: int) -> tuple[int, ...]:
        """The ages of those that claim the service on the port; the first speaks for it."""
        candidates = self._named.get(host)
        if candidates is None:
            widest = hosts.most_specific(host, self._wild) if self._wild else None
            candidates = [] if widest is None else [widest]
        return tuple(age for age in candidates if has_routes(self.virtual_services[age], port, MESH))


def hosts_without_service(virtual_service: ResolvedVirtualService, known: frozenset[str]) -> tuple[str, ...]:
    """Hosts of the VirtualService that no service in `known` stands behind, exact names first."""
    exact = [h for h in virtual_service.spec.hosts if not hosts.is_wildcard(h) and h not in known]
    wild = [h for h in virtual_service.spec.hosts if hosts.is_wildcard(h) and not any(hosts.matches(h, k) for k in known)]
    return (*exact, *wild)
