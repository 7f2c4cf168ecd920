"""The world at one version: immutable tables, each replaced only when the kinds that feed it changed.

`FEEDS` is the one place that says which kind of object feeds which table; everything that is derived further (views, inbounds) depends on tables and
keeps its results while they are the same objects.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain

from ostria.api.meta import ObjectKey
from ostria.api.networking.gateway import Gateway
from ostria.config.store import Stored
from ostria.registry.model import EndpointSet, Host, Namespace, Service, Workload
from ostria.registry.mutual_tls import PeerPolicies
from ostria.snapshot.destination_rules import DestinationRules
from ostria.snapshot.inbound_ports import told_by_endpoints
from ostria.snapshot.policies import Policies
from ostria.snapshot.services import Services
from ostria.snapshot.sidecars import Sidecars
from ostria.snapshot.view import Mesh
from ostria.snapshot.virtual_services import VirtualServices


class Tables(Enum):
    """Parts of the world that change together."""

    MESH = "mesh"
    REGISTRY = "registry"
    """Services, endpoints, workloads and what PeerAuthentication asks of them: the registry tells which of these changed."""
    VIRTUAL_SERVICES = "virtual services"
    DESTINATION_RULES = "destination rules"
    SIDECARS = "sidecars"
    GATEWAYS = "gateways"
    POLICIES = "policies"
    SECRETS = "secrets"


FEEDS: Mapping[str, Tables] = {
    "AuthorizationPolicy": Tables.POLICIES,
    "ConfigMap": Tables.MESH,
    "DestinationRule": Tables.DESTINATION_RULES,
    "EndpointSlice": Tables.REGISTRY,
    "Endpoints": Tables.REGISTRY,
    "EnvoyFilter": Tables.POLICIES,
    "Gateway": Tables.GATEWAYS,
    "IPAddress": Tables.REGISTRY,
    "Node": Tables.REGISTRY,
    "PeerAuthentication": Tables.REGISTRY,
    "Pod": Tables.REGISTRY,
    "RequestAuthentication": Tables.POLICIES,
    "Secret": Tables.SECRETS,
    "Service": Tables.REGISTRY,
    "ServiceEntry": Tables.REGISTRY,
    "Sidecar": Tables.SIDECARS,
    "Telemetry": Tables.POLICIES,
    "VirtualService": Tables.VIRTUAL_SERVICES,
    "WasmPlugin": Tables.POLICIES,
    "WorkloadEntry": Tables.REGISTRY,
}
"""Kinds that are not here (Deployment, Namespace, ServiceAccount, …) change nothing that a proxy sees."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    version: int
    mesh: Mesh
    domain: str
    services: Services
    endpoints: Mapping[tuple[Host, Namespace], Mapping[int, EndpointSet]]
    workloads: Mapping[ObjectKey, Workload]
    addresses: Mapping[str, tuple[ObjectKey, ...]]
    """Workloads by address."""
    fronts: Mapping[ObjectKey, tuple[Service, ...]]
    """The services that a workload stands behind, oldest first."""
    peers: PeerPolicies
    virtual_services: VirtualServices
    destination_rules: DestinationRules
    sidecars: Sidecars
    gateways: tuple[Gateway, ...]
    """Oldest first."""
    policies: Policies
    secrets: Mapping[tuple[str, str], Stored]
    """By namespace and name."""
    touched: frozenset[Host] = field(default_factory=frozenset)
    """Hosts whose endpoints changed since the version before."""


def same_places(old: World, new: World) -> bool:
    """Whether every proxy has the same workload, view key, inbound side and secrets in `old` and in `new`, the next one: then views alone tell what differs.

    Told by the tables that these are made of, so a change may be denied that is none, and never the other way.
    """
    return (
        old.mesh is new.mesh
        and old.workloads is new.workloads
        and old.addresses is new.addresses
        and old.fronts is new.fronts
        and old.peers is new.peers
        and old.destination_rules is new.destination_rules
        and old.sidecars is new.sidecars
        and old.gateways is new.gateways
        and old.policies is new.policies
        and old.secrets is new.secrets
        and old.services.by_node == new.services.by_node
        and old.virtual_services.labels == new.virtual_services.labels
        and (old.endpoints is new.endpoints or not any(_tells_ports(service, old, new) for service in _touched(new)))
    )


def _touched(world: World) -> Iterator[Service]:
    return chain.from_iterable(world.services.by_host.get(host, ()) for host in world.touched)


def _tells_ports(service: Service, old: World, new: World) -> bool:
    """Whether the endpoints of a service, which are not the same in both, tell a port of a workload: where neither has it, neither tells it one."""
    group = (service.host, service.namespace)
    before, after = old.endpoints.get(group, {}), new.endpoints.get(group, {})
    addresses = {each.address for port in (*before.values(), *after.values()) for each in port.endpoints}
    owners = {owner for address in addresses for owner in new.addresses.get(address, ())}
    return any(service in new.fronts.get(owner, ()) and told_by_endpoints(new.workloads[owner], service) for owner in owners)
