"""What the mesh is made of, whoever described it: services with ports, workloads, and the endpoints that join them.

Everything here is frozen and compared by identity (`eq=False`): the registry keeps the old object when new content is equal to it, so "the same
object" means "the same content", and a tuple of these objects is a cheap and exact cache key.
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple, NewType

from ostria.api.meta import ObjectKey

Host = NewType("Host", str)
"""A fully qualified service host, lower case: `reviews.default.svc.cluster.local`, `*.example.com`."""
Namespace = NewType("Namespace", str)


class Protocol(StrEnum):
    """Application protocol of a port. AUTO means that the proxy finds out (HTTP or TCP) from the first bytes."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTP_PROXY = "HTTP_PROXY"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    MONGO = "Mongo"
    MYSQL = "MySQL"
    REDIS = "Redis"
    UDP = "UDP"
    AUTO = "AUTO"

    @property
    def is_http(self) -> bool:
        return self in (Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB, Protocol.HTTP_PROXY)

    @property
    def is_http2(self) -> bool:
        return self in (Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB)

    @property
    def is_tls(self) -> bool:
        return self in (Protocol.HTTPS, Protocol.TLS)

    @property
    def is_tcp(self) -> bool:
        """Opaque bytes: routed by address, port and SNI only."""
        return self in (Protocol.TCP, Protocol.HTTPS, Protocol.TLS, Protocol.MONGO, Protocol.MYSQL, Protocol.REDIS)


class Resolution(Enum):
    """How a client proxy finds the endpoints of a service."""

    EDS = "EDS"
    """Endpoints are served by the control plane."""
    DNS = "DNS"
    """Every address that each endpoint's name resolves to (STRICT_DNS)."""
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    """One name, any address (LOGICAL_DNS)."""
    DYNAMIC_DNS = "DYNAMIC_DNS"
    """The requested host is resolved at request time (dynamic forward proxy); wildcard hosts."""
    PASSTHROUGH = "PASSTHROUGH"
    """To the address that the client dialled (ORIGINAL_DST)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of a service. `target` is the port number or name that its endpoints listen on, as written."""

    name: str
    number: int
    protocol: Protocol
    target: int | str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Service:
    """A host with ports. `export_to` holds namespaces, or `*`; `addresses` are IPs or CIDRs that clients dial, empty when headless.

    `accounts` are the SPIFFE identities or DNS names that the object itself lists (subjectAltNames); those of endpoints are in `EndpointSet`.
    `owner` tells what made it: kind `Service` or `ServiceEntry`.
    """

    owner: ObjectKey
    host: Host
    namespace: Namespace
    ports: tuple[Port, ...]
    addresses: tuple[str, ...] = ()
    auto_addresses: tuple[str, ...] = ()
    """Allocated virtual addresses (ServiceEntry without any): used in listeners only where DNS is captured."""
    resolution: Resolution = Resolution.EDS
    headless: bool = False
    external: bool = False
    """Outside the mesh (MESH_EXTERNAL): never mutual TLS by default."""
    export_to: frozenset[str] = frozenset({"*"})
    labels: tuple[tuple[str, str], ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    accounts: tuple[str, ...] = ()
    created: str = ""
    aliases: tuple[Host, ...] = ()
    publish_not_ready: bool = False
    internal_traffic_local: bool = False
    """internalTrafficPolicy: Local: only endpoints on the client's node."""
    external_name: str = ""
    traffic_distribution: str = ""
    """How far from the client its endpoints may be: `PreferClose`, `PreferSameZone`, `PreferSameNode`; empty: anywhere."""

    def port(self, number: int) -> Port | None:
        return next((p for p in self.ports if p.number == number), None)


class Locality(NamedTuple):
    region: str = ""
    zone: str = ""
    sub_zone: str = ""


class TlsMode(StrEnum):
    """What the server side of an endpoint speaks, as its own policy has it."""

    ISTIO = "istio"
    DISABLED = "disabled"


class MtlsMode(StrEnum):
    """What a server port accepts: both, mutual TLS only, or plain text only."""

    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"
    DISABLE = "DISABLE"


class Health(Enum):
    HEALTHY = 1
    UNHEALTHY = 2
    DRAINING = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workload:
    """A pod, a local process group or a WorkloadEntry: one identity, one set of addresses, one set of labels."""

    namespace: Namespace
    name: str
    """The pod's name, or the WorkloadEntry's."""
    addresses: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    service_account: str = "default"
    owner: ObjectKey
    workload_name: str = ""
    """The controller's name: `reviews-v1`."""
    workload_type: str = "Deployment"
    network: str = ""
    locality: Locality = Locality()
    node: str = ""
    cluster: str = ""
    injected: bool = False
    """A sidecar stands in front of it, so it can speak mutual TLS."""
    canonical_service: str = ""
    canonical_revision: str = "latest"
    ready: bool = True
    host_network: bool = False
    container_ports: tuple[tuple[str, int], ...] = ()
    """(name, number) of declared container ports; name may be empty."""
    app_probes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint:
    """One address of a workload behind one service port. `address` is an IP, a host name (DNS services) or `unix://PATH`."""

    address: str
    port: int
    labels: dict[str, str] = field(default_factory=dict)
    service_account: str = ""
    """SPIFFE id, empty when unknown."""
    tls_mode: TlsMode = TlsMode.DISABLED
    health: Health = Health.HEALTHY
    locality: Locality = Locality()
    network: str = ""
    weight: int = 1
    workload: Workload | None = None
    """As it was when the set was made: its names, place and labels are right; what clients don't see of it (readiness, annotations) may be older."""
    hostname: str = ""
    """The pod's DNS label behind a headless service."""
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EndpointSet:
    """All endpoints of one service port, in a fixed order. One object per content."""

    host: Host
    port: Port
    endpoints: tuple[Endpoint, ...]
    accounts: frozenset[str]
    """SPIFFE ids of the endpoints, for the certificate check of clients."""
    version: str
    """blake2 of the content: stands in keys and in counters."""
