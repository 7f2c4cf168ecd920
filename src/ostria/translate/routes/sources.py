"""What a virtual host's routes depend on beyond their VirtualService: hash policies, ports of destinations, the mesh's retries."""

from collections.abc import Callable, Iterator

from ostria.api.networking.destination import Destination
from ostria.api.networking.destination_rule import ConsistentHashLB, TrafficPolicy
from ostria.api.networking.virtual_service import HTTPRoute
from ostria.registry.model import Host, Service
from ostria.snapshot.view import ResolvedVirtualService, View
from ostria.translate.routes.claims import MESH
from ostria.translate.routes.key import HashPolicy, ServiceRoute, VirtualServiceRoutes
from ostria.translate.routes.settings import forwards_host

Lookup = Callable[[Host], Service | None]


class Sources:
    """Makes the route sources of one view; a VirtualService that stands behind many hosts is worked out once per port."""

    def __init__(self, view: View, *, grpc: bool = False) -> None:
        self._rule = view.destination_rule
        self._retries = view.mesh.config.default_http_retry_policy
        self._forwarded_host = forwards_host(view)
        self._grpc = grpc
        self._made: dict[tuple[int, str, int, bool], VirtualServiceRoutes] = {}

    def for_service(self, service: Service, port: int) -> ServiceRoute:
        return ServiceRoute(
            owner=service.owner,
            host=service.host,
            port=port,
            hash_policy=self._hash_policy(service.host, "", port),
            retries=self._retries,
            grpc=self._grpc,
        )

    def for_virtual_service(
        self, virtual_service: ResolvedVirtualService, port: int, lookup: Lookup, gateway: str = MESH, *, tls: bool = False
    ) -> VirtualServiceRoutes:
        """`lookup` finds the service of a destination, as far as the listener knows it."""
        memo = (id(virtual_service), gateway, port, tls)
        if memo not in self._made:
            http = virtual_service.spec.http
            self._made[memo] = VirtualServiceRoutes(
                virtual_service=virtual_service,
                gateway=gateway,
                port=port,
                tls=tls,
                ports=_default_ports(http, port, lookup),
                externals=_externals(http, lookup),
                hash_policies=tuple(self._hash_policies(http, port)),
                retries=self._retries,
                forwarded_host=self._forwarded_host,
                grpc=self._grpc,
            )
        return self._made[memo]

    def _hash_policies(self, http: tuple[HTTPRoute, ...], port: int) -> Iterator[tuple[int, int, HashPolicy]]:
        for i, route in enumerate(http):
            for j, weighted in enumerate(route.route):
                to = weighted.destination
                number = to.port.number if to.port and to.port.number else port
                if (policy := self._hash_policy(Host(to.host), to.subset or "", number)) is not None:
                    yield i, j, policy

    def _hash_policy(self, host: Host, subset: str, port: int) -> HashPolicy | None:
        """Most specific first: the subset's port, the subset, the port, the host."""
        rule = self._rule(host)
        if rule is None:
            return None
        of_subset = next((s.traffic_policy for s in rule.spec.subsets if s.name == subset), None) if subset else None
        found = _consistent_hash(of_subset, port) or _consistent_hash(rule.spec.traffic_policy, port)
        return HashPolicy(policy=found, origin=rule.owners[0]) if found else None


def _consistent_hash(policy: TrafficPolicy | None, port: int) -> ConsistentHashLB | None:
    if policy is None:
        return None
    for setting in policy.port_level_settings:
        if setting.port and setting.port.number == port and setting.load_balancer and setting.load_balancer.consistent_hash:
            return setting.load_balancer.consistent_hash
    return policy.load_balancer.consistent_hash if policy.load_balancer else None


def _destinations(http: tuple[HTTPRoute, ...]) -> Iterator[Destination]:
    for route in http:
        yield from (d.destination for d in route.route)
        yield from (m.destination for m in route.mirrors)
        if route.mirror:
            yield route.mirror


def _default_ports(http: tuple[HTTPRoute, ...], port: int, lookup: Lookup) -> tuple[tuple[str, int], ...]:
    """A destination that names no port means the only port of its service, or else the port that the request came to."""
    found: dict[str, int] = {}
    for to in _destinations(http):
        if (to.port and to.port.number) or to.host in found:
            continue
        service = lookup(Host(to.host))
        if service is not None and len(service.ports) == 1 and service.ports[0].number != port:
            found[to.host] = service.ports[0].number
    return tuple(sorted(found.items()))


def _externals(http: tuple[HTTPRoute, ...], lookup: Lookup) -> tuple[tuple[str, str], ...]:
    """Destinations that are aliases (ExternalName) go to the service that they stand for."""
    found = {to.host: s.external_name or s.host for to in _destinations(http) if (s := lookup(Host(to.host))) is not None}
    return tuple(sorted((alias, host) for alias, host in found.items() if alias != host))
