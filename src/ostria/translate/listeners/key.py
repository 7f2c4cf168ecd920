"""What a listener is made from, and nothing else: equal keys give equal bytes.

Outbound and gateway keys hold values that `outbound` and `gateway` took from the view, so that a change of a service or VirtualService that doesn't
concern a listener leaves its key equal. An inbound key holds the whole inbound side of its workload, which replicas share.
"""

from dataclasses import dataclass

from ostria.api.meta import ObjectKey
from ostria.api.networking.server_tls import ServerTLSSettings
from ostria.snapshot.view import Inbound, InboundPort, Mesh, Security, TelemetryPolicy
from ostria.translate.clusters.dns import Families
from ostria.translate.filters.tcp_proxy import TcpRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What all listeners of a view take from it."""

    mesh: Mesh
    telemetry: TelemetryPolicy
    dynamic: Families | None = None
    """Set where some cluster resolves the requested host itself; its filters resolve for these families."""
    on_demand: bool = False
    """Clusters and virtual hosts that aren't there are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualOutboundKey:
    """Where captured connections arrive; those that no other listener is for end here."""

    scope: Scope
    addresses: tuple[str, ...]
    port: int
    rest: TcpRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpChain:
    """`sniffed`: only what looks like HTTP; other bytes fall through to the next chain."""

    routes: str
    sniffed: bool
    grpc_web: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpChain:
    """Connections to `subnets` (any, if empty) that ask for one of `server_names` (any, if empty)."""

    route: TcpRoute
    subnets: tuple[str, ...] = ()
    server_names: tuple[str, ...] = ()

    @property
    def matches_all(self) -> bool:
        return not self.subnets and not self.server_names


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundKey:
    """One port of one address, or of all. `addresses` holds more than one for two IP families, or a single `unix://…`."""

    scope: Scope
    name: str
    addresses: tuple[str, ...]
    port: int
    bound: bool
    """The port is really opened; else connections come from `virtualOutbound` only."""
    http: HttpChain | None = None
    tcp: tuple[TcpChain, ...] = ()
    rest: TcpRoute | None = None
    """Takes what no chain matches."""
    explicit_proxy: bool = False
    origins: tuple[ObjectKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualInboundKey:
    """The inbound side of one workload where traffic is captured: one listener for all ports."""

    inbound: Inbound


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPortKey:
    """One port that is really opened: where nothing is captured, or a Sidecar's ingress says so."""

    inbound: Inbound
    port: InboundPort
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTls:
    """How a server ends TLS; `http`: with HTTP inside."""

    settings: ServerTLSSettings
    http: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChain:
    """One filter chain of a gateway: HTTP by a named route configuration, or TCP."""

    name: str = ""
    routes: str = ""
    tcp: TcpRoute | None = None
    server_names: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    application_protocols: tuple[str, ...] = ()
    tls: GatewayTls | None = None
    inspects_tls: bool = False
    """TLS passes through: the server name is read, nothing is decrypted."""
    grpc_web: bool = False
    stat_prefix: str = ""
    """What the server calls itself (`name`); empty where it is known by its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKey:
    scope: Scope
    name: str
    addresses: tuple[str, ...]
    port: int
    chains: tuple[GatewayChain, ...]
    security: Security
    proxy_protocol: bool
    proxy_protocol_required: bool
    origins: tuple[ObjectKey, ...]


ListenerKey = VirtualOutboundKey | OutboundKey | VirtualInboundKey | InboundPortKey | GatewayKey
