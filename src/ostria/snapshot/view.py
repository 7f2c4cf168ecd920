"""The world as one proxy may see it: what `translate` receives and nothing more.

Many proxies share one `View`: it hangs on a small interned `ViewKey`. What differs per workload (its inbound side) is an `Inbound`, apart. Every
object here is frozen; those declared `eq=False` are one object per content, so that tuples of them serve as exact cache keys.
Hosts in resolved objects are fully qualified and lower case; delegates are merged; routes that can't apply to the view's proxies are gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, Self
from typing import Protocol as Interface

from ostria.api.extensions.wasm_plugin import WasmPluginSpec
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import ObjectKey
from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.networking.destination import Destination
from ostria.api.networking.destination_rule import DestinationRuleSpec
from ostria.api.networking.envoy_filter import EnvoyConfigObjectPatch
from ostria.api.networking.gateway import Server
from ostria.api.networking.server_tls import ServerTLSSettings
from ostria.api.networking.virtual_service import VirtualServiceSpec
from ostria.api.security.authorization_policy import AuthorizationPolicySpec
from ostria.api.security.request_authentication import RequestAuthenticationSpec
from ostria.api.telemetry.telemetry import TelemetrySpec
from ostria.registry.model import EndpointSet, Host, Locality, MtlsMode, Namespace, Port, Service, Workload


class ProxyType(StrEnum):
    SIDECAR = "sidecar"
    ROUTER = "router"


class Generator(StrEnum):
    """What kind of client asks: Envoy, or a gRPC library that speaks xDS itself (node metadata GENERATOR)."""

    ENVOY = ""
    GRPC = "grpc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A connected proxy: what its node says, checked against its identity, completed from the registry."""

    id: str
    type: ProxyType
    namespace: Namespace
    name: str
    addresses: tuple[str, ...]
    dns_domain: str
    labels: Mapping[str, str]
    service_account: str
    locality: Locality = Locality()
    network: str = ""
    cluster: str = "Kubernetes"
    node: str = ""
    generator: Generator = Generator.ENVOY
    dns_capture: bool = False
    dns_auto_allocate: bool = False
    tproxy: bool = False
    captured: bool = True
    """False: nothing redirects traffic (INTERCEPTION_MODE NONE): listeners bind real ports, clients use `http_proxy`."""
    http_proxy_port: int = 0
    vhds: bool = False
    """It takes virtual hosts one by one. A proxy is never moved from one way to the other while it is connected."""
    on_demand: bool = False
    """It starts with what its Sidecar spells out or its namespace has, and asks for the rest when a request needs it. Needs `vhds`."""
    outbound_mark: int = 0
    """SO_MARK that Envoy's own upstream sockets carry, where rules can't tell them by UID; 0: none."""
    version: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)
    workload: Workload | None = None
    authenticated: bool = False
    """Its namespace and service account were proved, so its labels and locality come from the registry and never from its own metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewKey:
    """Everything that makes two proxies' worlds differ. Compared by value; interned, so that it is compared once per connection."""

    type: ProxyType
    namespace: Namespace
    generator: Generator
    sidecar: ObjectKey | None
    gateways: tuple[ObjectKey, ...]
    gateway_ports: tuple[tuple[int, int], ...]
    """(service port, target port) of the Services in front of a router."""
    patches: tuple[ObjectKey, ...]
    telemetries: tuple[ObjectKey, ...]
    wasm_plugins: tuple[ObjectKey, ...]
    selected_rules: tuple[ObjectKey, ...]
    """DestinationRules with a workloadSelector that selects the proxy."""
    labels: tuple[tuple[str, str], ...]
    """The proxy's labels, those only that some VirtualService's sourceLabels or some failover priority asks for."""
    locality: Locality
    network: str
    node: str
    """The proxy's node, only where some service routes to the same node, or some failover priority asks for it."""
    ipv4: bool
    ipv6: bool
    dns_capture: bool
    dns_auto_allocate: bool
    captured: bool
    http_proxy_port: int
    outbound_mark: int
    vhds: bool
    """Sidecars only: HTTP routes are delivered virtual host by virtual host."""
    on_demand: bool = False
    """Sidecars only: of clusters and virtual hosts a proxy gets what it starts with, and what it asks for."""
    proxy_protocol: bool = False
    """Routers: a proxy in front may send the PROXY protocol (node metadata OSTRIA_PROXY_PROTOCOL), so the caller's address survives."""
    patch_answers: tuple[bool, ...] = ()
    """For each EnvoyFilter patch with a `proxy` condition, in order: whether the proxy meets it."""
    policies: tuple[ObjectKey, ...] = ()
    """Routers only: the security policies that select the router."""

    def anywhere(self) -> "ViewKey":
        """The same without the place of its proxies, which decides nothing but the order of endpoints."""
        return replace(self, locality=Locality(), network="", node="")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResolvedVirtualService:
    owner: ObjectKey
    api_version: str
    namespace: Namespace
    spec: VirtualServiceSpec
    """Hosts and destinations fully qualified, gateways as `NAMESPACE/NAME` or `mesh`, delegates merged."""
    created: str
    rules: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None = None
    """Where some routes are gone or come from delegates: for each HTTP, TLS and TCP route its index in the object. None: in order."""

    def rule(self, kind: Literal["http", "tls", "tcp"], index: int) -> ObjectKey:
        """The object with the rule that the route at `index` of `spec` came from."""
        return self.owner._replace(rule=index if self.rules is None else self.rules[("http", "tls", "tcp").index(kind)][index])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResolvedDestinationRule:
    """One host's policy; `owners` are several where rules for one host were merged."""

    owners: tuple[ObjectKey, ...]
    api_version: str
    namespace: Namespace
    spec: DestinationRuleSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """Mesh-wide settings, one object per content."""

    config: MeshConfig
    root_namespace: Namespace
    trust_domain: str
    trust_domain_aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatchSet:
    """The EnvoyFilter patches that apply to a view, in order of application, each with the object that it came from."""

    patches: tuple[tuple[ObjectKey, EnvoyConfigObjectPatch], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EgressListener:
    """One egress listener of a Sidecar; without a Sidecar there is one, with `port` None, that holds everything visible."""

    port: Port | None
    bind: str
    captured: bool
    services: tuple[Service, ...]
    """Visible here, one per host (the most specific), ordered by creation, host."""
    virtual_services: tuple[ResolvedVirtualService, ...]
    """For gateway `mesh`, oldest first."""
    named: frozenset[str] = frozenset()
    """Hosts that the Sidecar spells out, in lower case: a proxy that discovers on demand starts with these."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutboundPolicy:
    """Where traffic to unknown hosts goes."""

    allow_any: bool
    egress_proxy: Destination | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GatewayServer:
    """One server of one Gateway that selects the view's routers. `bind_port` is the port Envoy listens on (the Service's target port)."""

    owner: ObjectKey
    index: int
    api_version: str
    namespace: Namespace
    server: Server
    bind_port: int
    created: str
    virtual_services: tuple[ResolvedVirtualService, ...]
    """Bound to this Gateway and sharing a host with this server, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TelemetryPolicy:
    """What the Telemetry objects that apply add up to, root first, workload last."""

    owners: tuple[ObjectKey, ...]
    specs: tuple[TelemetrySpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuthorizationPolicyRef:
    owner: ObjectKey
    namespace: Namespace
    spec: AuthorizationPolicySpec
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RequestAuthenticationRef:
    owner: ObjectKey
    spec: RequestAuthenticationSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WasmPluginRef:
    owner: ObjectKey
    spec: WasmPluginSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """The policies that select a workload (or a router): authorization in the order CUSTOM, DENY, ALLOW, AUDIT, oldest first within each."""

    authorization: tuple[AuthorizationPolicyRef, ...] = ()
    request_authentication: tuple[RequestAuthenticationRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPort:
    """A port that the workload serves. `target` is the container port; `service` tells which service declared it (the oldest wins)."""

    target: int
    port: Port
    service: Service
    mtls: MtlsMode
    bind: str = ""
    """Where the app listens, if a Sidecar's ingress says so: `127.0.0.1:8080`, `0.0.0.0:8080` (that port of the pod's own
    address) or `unix:///PATH`; empty: the pod's own address."""
    tls: ServerTLSSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    """From the Sidecar's ingress listener, or else from the DestinationRule of the service."""
    listen: str = ""
    """The address that a Sidecar's ingress listener binds, if it names one."""
    captured: bool = True
    """False: a Sidecar's ingress listener with captureMode NONE, which binds its port itself."""
    others: tuple[Service, ...] = ()
    """Younger services that declare the same container port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """The inbound side of one workload; compared by value, so that replicas share their bytes."""

    namespace: Namespace
    ports: tuple[InboundPort, ...]
    mtls: MtlsMode
    """For ports that no service declares."""
    port_mtls: tuple[tuple[int, MtlsMode], ...]
    """portLevelMtls of undeclared ports."""
    security: Security
    mesh: Mesh
    telemetry: TelemetryPolicy
    patches: PatchSet
    wasm_plugins: tuple[WasmPluginRef, ...]
    ipv4: bool
    ipv6: bool
    tproxy: bool
    captured: bool
    addresses: tuple[str, ...]
    """The workload's own addresses; filled only where they go into resources (not captured)."""
    connection_pool: ConnectionPoolSettings | None = None
    outbound_mark: int = 0


class View(Interface):
    """The outbound side of a sidecar, or all of a router."""

    @property
    def key(self) -> ViewKey: ...
    @property
    def mesh(self) -> Mesh: ...
    @property
    def egress(self) -> tuple[EgressListener, ...]:
        """Sidecars: at least one. Routers: one, with every service that they may route to."""

    @property
    def outbound_policy(self) -> OutboundPolicy: ...
    @property
    def servers(self) -> tuple[GatewayServer, ...]:
        """Routers only: by bind port, then creation, namespace, name, index."""

    @property
    def security(self) -> Security:
        """Routers only: policies that select the router."""

    @property
    def telemetry(self) -> TelemetryPolicy: ...
    @property
    def patches(self) -> PatchSet: ...
    @property
    def wasm_plugins(self) -> tuple[WasmPluginRef, ...]: ...
    def services(self) -> tuple[Service, ...]:
        """All services of all egress listeners, each host once."""

    def rules(self) -> tuple[ResolvedDestinationRule | None, ...]:
        """That of each service."""

    def service(self, host: Host) -> Service | None: ...
    def destination_rule(self, host: Host) -> ResolvedDestinationRule | None:
        """Client namespace, then service namespace, then root namespace; exportTo respected; most specific host."""

    def endpoints(self, service: Service, port: Port) -> EndpointSet: ...
    def moved(self, since: Self) -> tuple[Service, ...]:
        """Those whose endpoints are others than in `since`, a view with the same services."""
