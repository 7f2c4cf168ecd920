"""The inbound side of one workload, from its services, its Sidecar and the policies that select it."""

from collections.abc import Sequence

from ostria.api.meta import ObjectKey
from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.networking.sidecar import Sidecar
from ostria.api.security.authorization_policy import AuthorizationPolicySpec
from ostria.registry.model import EndpointSet, Namespace, Port, Service
from ostria.snapshot import inbound_ports
from ostria.snapshot.memo import Interned, Memo
from ostria.snapshot.policies import Who
from ostria.snapshot.references import References
from ostria.snapshot.view import AuthorizationPolicyRef, Inbound, InboundPort, Proxy, ResolvedDestinationRule, Security
from ostria.snapshot.world import World


class Inbounds:
    """Builds inbound sides; replicas of one workload share theirs, and an equal one stays the same object."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._by_proxy: Memo[Inbound] = Memo(20_000)
        self._own: Memo[Service] = Memo(1024)
        self._closed: Memo[AuthorizationPolicyRef] = Memo(1024)
        self._interned = Interned(20_000)

    def of(self, world: World, proxy: Proxy) -> Inbound:
        services = world.fronts.get(proxy.workload.owner, ()) if proxy.workload else ()
        inputs = (
            proxy,
            services,
            world.mesh,
            world.peers,
            world.policies,
            world.sidecars,
            world.destination_rules,
            self._behind(world, proxy, services),
        )
        return self._by_proxy.get(proxy.id, inputs, lambda: self._interned(self._build(world, proxy, services)))

    def _behind(self, world: World, proxy: Proxy, services: Sequence[Service]) -> tuple[object, ...]:
        """Endpoints matter where they alone tell the ports: see `inbound_ports.told_by_endpoints`."""
        told = (s for s in services if proxy.workload and inbound_ports.told_by_endpoints(proxy.workload, s))
        return tuple(world.endpoints.get((s.host, s.namespace)) for s in told)

    def _build(self, world: World, proxy: Proxy, services: tuple[Service, ...]) -> Inbound:
        who = Who(proxy.namespace, proxy.labels)
        sidecar = world.sidecars.of(proxy.namespace, proxy.labels)
        mtls = world.peers.of(proxy.namespace, proxy.labels)
        patches = world.policies.envoy_filters_of(who)
        ports = self._ports(world, proxy, services, sidecar)
        declared = {p.target for p in ports}
        return Inbound(
            namespace=proxy.namespace,
            ports=ports,
            mtls=mtls.mode,
            port_mtls=tuple((number, mode) for number, mode in mtls.ports if number not in declared),
            security=self._security(world, proxy, who),
            mesh=world.mesh,
            telemetry=self._references.telemetry(world.policies.telemetry_of(who)),
            patches=self._references.patches(patches, self._references.answers(patches, proxy)),
            wasm_plugins=self._references.wasm_plugins(world.policies.wasm_plugins_of(who)),
            ipv4=any(":" not in a for a in proxy.addresses),
            ipv6=any(":" in a for a in proxy.addresses),
            tproxy=proxy.tproxy,
            captured=proxy.captured,
            addresses=() if proxy.captured else proxy.addresses,
            connection_pool=sidecar.spec.inbound_connection_pool if sidecar else None,
            outbound_mark=proxy.outbound_mark,
        )

    def _security(self, world: World, proxy: Proxy, who: Who) -> Security:
        """While nobody can say which workload a proved identity stands beside, no policy can be told to be its own: nothing comes in."""
        if proxy.authenticated and proxy.workload is None:
            unknown = ObjectKey("Pod", proxy.namespace, proxy.name)
            return Security(authorization=(self._closed.get(unknown, (), lambda: _closed(unknown)),))
        return self._references.security(world.policies.authorization_of(who), world.policies.request_authentication_of(who))

    def _ports(self, world: World, proxy: Proxy, services: tuple[Service, ...], sidecar: Sidecar | None) -> tuple[InboundPort, ...]:
        mtls = world.peers.of(proxy.namespace, proxy.labels)
        if sidecar is not None and sidecar.spec.ingress:
            own = self._own.get((sidecar.metadata.namespace, sidecar.metadata.name), (sidecar,), lambda: inbound_ports.own_service(sidecar))
            return inbound_ports.of_ingress(sidecar, own, services, proxy.workload, mtls)
        if proxy.workload is None:
            return ()

        def behind(service: Service, port: Port) -> EndpointSet | None:
            return (world.endpoints.get((service.host, service.namespace)) or {}).get(port.number)

        def pool(service: Service, port: Port) -> ConnectionPoolSettings | None:
            return connection_pool(world.destination_rules.find(proxy.namespace, service.host, service.namespace, ()), port)

        return inbound_ports.of_services(proxy.workload, services, mtls, pool, behind)


def _closed(unknown: ObjectKey) -> AuthorizationPolicyRef:
    """Allows nothing."""
    return AuthorizationPolicyRef(
        owner=unknown, namespace=Namespace(unknown.namespace), spec=AuthorizationPolicySpec(action="ALLOW"), dry_run=False
    )


def connection_pool(rule: ResolvedDestinationRule | None, port: Port) -> ConnectionPoolSettings | None:
    """The pool that a rule gives a port; a setting of the port replaces the whole policy."""
    policy = rule.spec.traffic_policy if rule else None
    if policy is None:
        return None
    own = next((p for p in policy.port_level_settings if p.port and p.port.number == port.number), None)
    return own.connection_pool if own is not None else policy.connection_pool
