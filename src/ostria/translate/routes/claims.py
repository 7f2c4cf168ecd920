"""Which VirtualService speaks for a service on a port: the one that names its host, else the one with the longest wildcard that covers it.

In the mesh only one VirtualService counts for a host, the oldest. One that has no route for the port doesn't count on that port.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class _Claim:
    age: int
    virtual_service: ResolvedVirtualService


class Claims:
    """The VirtualServices of one egress listener (oldest first), by host."""

    def __init__(self, virtual_services: Sequence[ResolvedVirtualService]) -> None:
        self.virtual_services = virtual_services
        self._exact: dict[str, list[_Claim]] = {}
        self._wild: dict[str, _Claim] = {}
        for age, vs in enumerate(virtual_services):
            claim = _Claim(age, vs)
            for host in vs.spec.hosts:
                if hosts.is_wildcard(host):
                    self._wild.setdefault(host, claim)
                self._exact.setdefault(host, []).append(claim)

    def for_service(self, host: Host, port: int) -> tuple[int, ResolvedVirtualService] | None:
        """Its age (the position in the listener's order) and the VirtualService."""
        if (named := self._exact.get(host)) is not None:
            candidates: Iterable[_Claim] = named
        elif self._wild and (widest := hosts.most_specific(host, self._wild)) is not None:
            candidates = (widest,)
        else:
            return None
        return next(((c.age, c.virtual_service) for c in candidates if has_routes(c.virtual_service, port, MESH)), None)


def hosts_without_service(virtual_service: ResolvedVirtualService, known: frozenset[str]) -> tuple[str, ...]:
    """Hosts of the VirtualService that no service in `known` stands behind, exact names first."""
    exact = [h for h in virtual_service.spec.hosts if not hosts.is_wildcard(h) and h not in known]
    wild = [h for h in virtual_service.spec.hosts if hosts.is_wildcard(h) and not any(hosts.matches(h, k) for k in known)]
    return (*exact, *wild)
