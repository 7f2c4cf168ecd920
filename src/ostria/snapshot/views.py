"""Views: built when first asked for, kept while nothing in them changed, shared by all proxies of one key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from ostria.api.meta import ObjectKey, Resource
from ostria.api.networking.sidecar import Sidecar
from ostria.registry import endpoint_sets
from ostria.registry.model import EndpointSet, Host, Namespace, Port, Service
from ostria.snapshot import gateways
from ostria.snapshot.egress import Egress, Outbound, Scope, outbound_policy
from ostria.snapshot.memo import Memo
from ostria.snapshot.policies import Policies, key_of
from ostria.snapshot.references import References
from ostria.snapshot.rewriting import MESH
from ostria.snapshot.view import (
    EgressListener,
    GatewayServer,
    Mesh,
    OutboundPolicy,
    PatchSet,
    ProxyType,
    ResolvedDestinationRule,
    ResolvedVirtualService,
    Security,
    TelemetryPolicy,
    ViewKey,
    WasmPluginRef,
)
from ostria.snapshot.world import World

T = TypeVar("T", bound=Resource)
Endpoints = Mapping[tuple[Host, Namespace], Mapping[int, EndpointSet]]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Everything of a view but its endpoints. Compared by the identity of its parts: equal shapes need the same clusters, routes and listeners.

    One object for all views that differ in the place of their proxies only.
    """

    mesh: Mesh
    egress: tuple[EgressListener, ...]
    services: tuple[Service, ...]
    rules: tuple[ResolvedDestinationRule | None, ...]
    outbound_policy: OutboundPolicy
    servers: tuple[GatewayServer, ...]
    security: Security
    telemetry: TelemetryPolicy
    patches: PatchSet
    wasm_plugins: tuple[WasmPluginRef, ...]

    @cached_property
    def by_name(self) -> Mapping[Host, Service]:
        found = {alias: service for service in self.services for alias in service.aliases}
        found.update((service.host, service) for service in self.services)
        return found

    @cached_property
    def rule_of(self) -> Mapping[Host, ResolvedDestinationRule | None]:
        return {service.host: rule for service, rule in zip(self.services, self.rules, strict=True)}


class WorldView:
    """A `View` (see `ostria.snapshot.view`). `shape` stays the same object when only endpoints changed."""

    __slots__ = ("_endpoints", "key", "shape")

    def __init__(self, key: ViewKey, shape: Shape, endpoints: Endpoints) -> None:
        self.key = key
        self.shape = shape
        self._endpoints = endpoints

    @property
    def mesh(self) -> Mesh:
        return self.shape.mesh

    @property
    def egress(self) -> tuple[EgressListener, ...]:
        return self.shape.egress

    @property
    def outbound_policy(self) -> OutboundPolicy:
        return self.shape.outbound_policy

    @property
    def servers(self) -> tuple[GatewayServer, ...]:
        return self.shape.servers

    @property
    def security(self) -> Security:
        return self.shape.security

    @property
    def telemetry(self) -> TelemetryPolicy:
        return self.shape.telemetry

    @property
    def patches(self) -> PatchSet:
        return self.shape.patches

    @property
    def wasm_plugins(self) -> tuple[WasmPluginRef, ...]:
        return self.shape.wasm_plugins

    def services(self) -> tuple[Service, ...]:
        return self.shape.services

    def rules(self) -> tuple[ResolvedDestinationRule | None, ...]:
        return self.shape.rules

    def service(self, host: Host) -> Service | None:
        """An alias (ExternalName) leads to the service that it stands for."""
        return self.shape.by_name.get(host)

    def destination_rule(self, host: Host) -> ResolvedDestinationRule | None:
        """A host that the view has no service of has no rule either: there is no cluster that it could shape."""
        service = self.shape.by_name.get(host)
        return self.shape.rule_of[service.host] if service is not None else None

    def endpoints(self, service: Service, port: Port) -> EndpointSet:
        """Never missing: a port that nobody serves has an empty set."""
        found = self._endpoints.get((service.host, service.namespace), {}).get(port.number)
        return found if found is not None else endpoint_sets.build(service.host, port, ())

    def moved(self, since: "WorldView") -> tuple[Service, ...]:
        old, new = since._endpoints, self._endpoints
        if old is new:
            return ()
        return tuple(s for s in self.shape.services if old.get(group := (s.host, s.namespace)) is not new.get(group))

    def same_endpoints(self, other: Endpoints, touched: frozenset[Host] | None) -> bool:
        """Whether its services have the same endpoints in `other`; only those of `touched` hosts are compared, if they are known."""
        by_name = self.shape.by_name
        services = self.shape.services if touched is None else map(by_name.__getitem__, touched & by_name.keys())
        groups = ((service.host, service.namespace) for service in services)
        return all(self._endpoints.get(group) is other.get(group) for group in groups)


Seen = tuple[tuple[ResolvedVirtualService, ...], ...]
"""The VirtualServices that a view may see: those of the mesh first, then those of each Gateway."""


class _Held(NamedTuple):
    """A view, and what it was found right for."""

    world: World
    seen: Seen
    view: WorldView


class Views:
    def __init__(self, references: References, egress: Egress) -> None:
        self._references = references
        self._egress = egress
        self._servers = gateways.Servers(egress.variants)
        self._shapes: Memo[Shape] = Memo(4096)
        self._outbound: Memo[Outbound] = Memo(4096)
        self._rules: Memo[tuple[ResolvedDestinationRule | None, ...]] = Memo(4096)
        self._policy: Memo[OutboundPolicy] = Memo(4096)
        self._seen: Memo[tuple[ResolvedVirtualService, ...]] = Memo(4096)
        self._held: dict[ViewKey, _Held] = {}

    def of(self, world: World, key: ViewKey) -> WorldView:
        held = self._held.pop(key, None)
        if held is None or held.world is not world:
            seen = self._seen_by(world, key)
            held = _Held(world, seen, self._renewed(world, key, seen, held))
        self._held[key] = held
        if len(self._held) > 4096:
            del self._held[next(iter(self._held))]
        return held.view

    def _renewed(self, world: World, key: ViewKey, seen: Seen, held: _Held | None) -> WorldView:
        if held is None:
            return WorldView(key, self._shape(world, key, seen), world.endpoints)
        before, view = held.world, held.view
        shape = view.shape
        if held.seen != seen or _tables(before) != _tables(world):
            shape = self._shape(world, key, seen)
        if shape is view.shape:
            touched = world.touched if world.version == before.version + 1 else None
            if before.endpoints is world.endpoints or view.same_endpoints(world.endpoints, touched):
                return view
        return WorldView(key, shape, world.endpoints)

    def _seen_by(self, world: World, key: ViewKey) -> Seen:
        """Compared in place of the table, so that what is exported to another namespace only touches no view of this one."""
        table = world.virtual_services

        def seen(gateway: str) -> tuple[ResolvedVirtualService, ...]:
            return self._seen.get((key.namespace, gateway), (table,), lambda: table.seen_from(key.namespace, gateway))

        return (seen(MESH), *(seen(f"{gateway.namespace}/{gateway.name}") for gateway in key.gateways))

    def _shape(self, world: World, key: ViewKey, seen: Seen) -> Shape:
        """Worked out once for all places where proxies of this kind are."""
        return self._shapes.get(key.anywhere(), (seen, *_tables(world)), lambda: self._shaped(world, key, seen))

    def _shaped(self, world: World, key: ViewKey, seen: Seen) -> Shape:
        sidecar = _sidecar(world, key.sidecar)
        scope = Scope(key.namespace, key.sidecar, key.labels)
        outbound = self._outbound.get(
            scope,
            (sidecar, world.services, seen[0]),
            lambda: self._egress.build(scope, sidecar, world.services, seen[0], world.domain),
        )
        allow_any = world.mesh.config.outbound_traffic_policy.mode == "ALLOW_ANY"
        policies = world.policies
        return Shape(
            mesh=world.mesh,
            egress=outbound.listeners,
            services=outbound.services,
            rules=self._rules.get(
                (scope, key.selected_rules),
                (world.destination_rules, outbound.services),
                lambda: _rules(world, key, outbound.services),
            ),
            outbound_policy=self._policy.get(scope, (sidecar, allow_any), lambda: outbound_policy(sidecar, allow_any, world.domain)),
            servers=self._servers_of(world, key),
            security=self._security(policies, key),
            telemetry=self._references.telemetry(_named(policies.telemetry, key.telemetries)),
            patches=self._references.patches(_named(policies.envoy_filters, key.patches), key.patch_answers),
            wasm_plugins=self._references.wasm_plugins(_named(policies.wasm_plugins, key.wasm_plugins)),
        )

    def _servers_of(self, world: World, key: ViewKey) -> tuple[GatewayServer, ...]:
        if key.type is not ProxyType.ROUTER:
            return ()
        selected = frozenset(key.gateways)
        servers = (
            server
            for gateway in world.gateways
            if gateways.key_of(gateway) in selected
            for server in self._servers.build(gateway, key.namespace, key.labels, key.gateway_ports, world.virtual_services)
        )
        return tuple(sorted(servers, key=gateways.order))

    def _security(self, policies: Policies, key: ViewKey) -> Security:
        return self._references.security(
            _named(policies.authorization, key.policies), _named(policies.request_authentication, key.policies)
        )


def _sidecar(world: World, key: ObjectKey | None) -> Sidecar | None:
    candidates = world.sidecars.by_namespace.get(key.namespace, ()) if key else ()
    return next((s for s in candidates if key and s.metadata.name == key.name), None)


def _rules(world: World, key: ViewKey, services: tuple[Service, ...]) -> tuple[ResolvedDestinationRule | None, ...]:
    own = {rule.owners[0]: rule for rule in world.destination_rules.selecting.get(key.namespace, ())}
    selected = tuple(own[k] for k in key.selected_rules if k in own)
    return tuple(world.destination_rules.find(key.namespace, service.host, service.namespace, selected) for service in services)


def _named(table: Mapping[str, Sequence[T]], keys: tuple[ObjectKey, ...]) -> tuple[T, ...]:
    """The objects of a table that a key names, in the key's order."""
    found = {key_of(item): item for namespace in {key.namespace for key in keys} for item in table.get(namespace, ())}
    return tuple(found[key] for key in keys if key in found)


def _tables(world: World) -> tuple[object, ...]:
    """The tables that shapes are made of: any but VirtualServices, which are compared as they are seen, endpoints, workloads, secrets."""
    return (world.mesh, world.services, world.destination_rules, world.sidecars, world.gateways, world.policies)
