"""What a route configuration and a virtual host are made from, and nothing else: equal keys give equal bytes.

Whatever can be compared by value is kept as a value, so that a virtual host outlives the service object that it came from; only the
VirtualService itself is compared by identity.
"""

from dataclasses import dataclass

from ostria.api.meta import ObjectKey
from ostria.api.networking.destination_rule import ConsistentHashLB
from ostria.api.networking.virtual_service import HTTPRetry
from ostria.snapshot.view import ResolvedVirtualService


@dataclass(frozen=True, slots=True, kw_only=True)
class HashPolicy:
    """How one destination's requests keep to one endpoint; `origin` is the DestinationRule that asks for it."""

    policy: ConsistentHashLB
    origin: ObjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRoute:
    """Everything to the service itself: what a service has while no VirtualService speaks for it."""

    owner: ObjectKey
    host: str
    port: int
    hash_policy: HashPolicy | None = None
    retries: HTTPRetry | None = None
    grpc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServiceRoutes:
    """The HTTP routes of a VirtualService as they stand at one gateway (`mesh` or `NAMESPACE/NAME`) and one port."""

    virtual_service: ResolvedVirtualService
    gateway: str
    port: int
    tls: bool = False
    """The listener terminates TLS: requests arrive as `https`."""
    ports: tuple[tuple[str, int], ...] = ()
    """(host, port) where a destination that names no port means another port than the one listened on."""
    externals: tuple[tuple[str, str], ...] = ()
    """(host, external name) of destinations that stand for another host."""
    hash_policies: tuple[tuple[int, int, HashPolicy], ...] = ()
    """(route index, destination index, policy)."""
    retries: HTTPRetry | None = None
    forwarded_host: bool = False
    """Where the host is rewritten, the original one goes along in a header."""
    grpc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passthrough:
    """Requests to unknown hosts go on to `cluster`."""

    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackhole:
    """Requests to unknown hosts are answered 502."""


Routes = ServiceRoute | VirtualServiceRoutes | Passthrough | Blackhole


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHostKey:
    """`domains` are unique within a route configuration; `routes` are tried in order."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[Routes, ...]
    require_tls: bool = False
    attempt_count: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfigKey:
    name: str
    hosts: tuple[VirtualHostKey, ...]
    ignore_port: bool = True
    """The port in a request's Host header doesn't count, and domains carry none."""
    single: bool = False
    """It holds one virtual host for whatever comes, today and in every other world: there is nothing to deliver one by one."""
