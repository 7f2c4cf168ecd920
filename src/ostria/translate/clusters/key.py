"""What a cluster is made from: a builder sees one of these keys and nothing else, so equal keys mean equal bytes.

Services, rules and endpoint sets are one object per content (see `registry.model`), which makes these keys cheap to hash and exact.
"""

from dataclasses import dataclass

from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.registry.model import EndpointSet, Port, Service
from ostria.snapshot.view import Mesh, ProxyType, ResolvedDestinationRule
from ostria.translate.endpoints.locality import Proximity


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What of the proxy itself goes into its clusters; the same for all clusters of a view."""

    type: ProxyType
    mesh: Mesh
    ipv4: bool
    ipv6: bool
    outbound_mark: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKey:
    """One outbound cluster: a service port, or one subset of it."""

    client: Client
    service: Service
    port: Port
    subset: str = ""
    rule: ResolvedDestinationRule | None = None
    accounts: frozenset[str] = frozenset()
    """SPIFFE ids that the endpoints run as: whom the client accepts at the other end."""
    mutual: bool = False
    """Every endpoint speaks mutual TLS; asked only where the proxy chooses no endpoint itself (original destination)."""
    endpoints: EndpointSet | None = None
    """Only where they stand in the cluster (DNS)."""
    proximity: Proximity | None = None
    sni_dnat: bool = False
    """The cluster that an AUTO_PASSTHROUGH gateway chooses by SNI: TLS passes through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundClusterKey:
    """The way from the sidecar to its own app on one port."""

    mesh: Mesh
    port: Port
    target: int
    service: Service
    others: tuple[Service, ...]
    bind: str
    connection_pool: ConnectionPoolSettings | None
    ipv4: bool
    ipv6: bool
    captured: bool
    addresses: tuple[str, ...]
    outbound_mark: int

    def __hash__(self) -> int:
        # connection_pool is compared by content but hashes slowly: the rest tells ports apart well enough.
        return hash((self.mesh, self.port, self.target, self.service, self.bind, self.outbound_mark))


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingClusterKey:
    """A cluster that every proxy of a kind has: PassthroughCluster, BlackHoleCluster, InboundPassthroughCluster."""

    name: str
    mesh: Mesh
    captured: bool
    ipv4: bool
    ipv6: bool
    outbound_mark: int


AnyClusterKey = ClusterKey | InboundClusterKey | StandingClusterKey
