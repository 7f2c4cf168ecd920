"""Small meshes made by hand: services, VirtualServices and DestinationRules as one proxy sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from textwrap import dedent
from typing import Any, TypeVar

import msgspec
import yaml
from envoy.config.route.v3 import route_pb2

from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import ObjectKey
from ostria.api.networking.destination_rule import DestinationRuleSpec
from ostria.api.networking.gateway import Server
from ostria.api.networking.virtual_service import VirtualServiceSpec
from ostria.api.scalars import Duration
from ostria.registry.hosts import covers, qualified
from ostria.registry.model import EndpointSet, Host, Locality, Namespace, Port, Protocol, Service
from ostria.snapshot.view import (
    EgressListener,
    GatewayServer,
    Generator,
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
from ostria.translate import routes

T = TypeVar("T")
DOMAIN = "cluster.local"


def decode(text: str, kind: type[T]) -> T:
    def hook(wanted: type, value: Any) -> Any:
        return Duration.parse(value) if wanted is Duration else value

    return msgspec.convert(yaml.safe_load(dedent(text)), kind, dec_hook=hook)


def service(name: str, *ports: tuple[int, Protocol] | int, namespace: str = "default", **more: Any) -> Service:
    """`reviews` is a Kubernetes service of `namespace`; a name with a dot is a ServiceEntry's host. A bare port number speaks HTTP."""
    pairs = [(p, Protocol.HTTP) if isinstance(p, int) else p for p in ports]
    kubernetes = "." not in name
    return Service(
        owner=ObjectKey("Service" if kubernetes else "ServiceEntry", namespace, name),
        host=qualified(name, namespace, DOMAIN),
        namespace=Namespace(namespace),
        ports=tuple(Port(name=f"{p.value.lower()}-{n}", number=n, protocol=p, target=n) for n, p in pairs),
        **more,
    )


def virtual_service(text: str, name: str = "vs", namespace: str = "default") -> ResolvedVirtualService:
    spec = decode(text, VirtualServiceSpec)

    def full(value: Any) -> Any:
        match value:
            case dict():
                return {
                    k: {**v, "host": qualified(v["host"], namespace, DOMAIN)} if k in ("destination", "mirror") else full(v)
                    for k, v in value.items()
                }
            case list() | tuple():
                return [full(v) for v in value]
            case _:
                return value

    raw = full(msgspec.to_builtins(spec, enc_hook=str))
    raw["hosts"] = [qualified(h, namespace, DOMAIN) for h in spec.hosts]
    return ResolvedVirtualService(
        owner=ObjectKey("VirtualService", namespace, name),
        api_version="networking.istio.io/v1",
        namespace=Namespace(namespace),
        spec=decode(yaml.safe_dump(raw), VirtualServiceSpec),
        created="",
    )


def destination_rule(text: str, namespace: str = "default") -> ResolvedDestinationRule:
    spec = decode(text, DestinationRuleSpec)
    spec = msgspec.structs.replace(spec, host=qualified(spec.host, namespace, DOMAIN))
    return ResolvedDestinationRule(
        owners=(ObjectKey("DestinationRule", namespace, spec.host.partition(".")[0]),),
        api_version="networking.istio.io/v1",
        namespace=Namespace(namespace),
        spec=spec,
    )


def server(
    text: str, *virtual_services: ResolvedVirtualService, gateway: str = "gw", namespace: str = "default", bind: int = 0
) -> GatewayServer:
    spec = decode(text, Server)
    return GatewayServer(
        owner=ObjectKey("Gateway", namespace, gateway),
        index=0,
        api_version="networking.istio.io/v1",
        namespace=Namespace(namespace),
        server=spec,
        bind_port=bind or spec.port.number,
        created="",
        virtual_services=virtual_services,
    )


@dataclass(frozen=True)
class Village:
    """A View made by hand."""

    key: ViewKey
    mesh: Mesh
    egress: tuple[EgressListener, ...]
    rules: tuple[ResolvedDestinationRule, ...] = ()
    servers: tuple[GatewayServer, ...] = ()
    outbound_policy: OutboundPolicy = OutboundPolicy(allow_any=True)
    security: Security = Security()
    telemetry: TelemetryPolicy = TelemetryPolicy(owners=(), specs=())
    patches: PatchSet = PatchSet(patches=())
    wasm_plugins: tuple[WasmPluginRef, ...] = ()
    by_host: dict[str, Service] = field(default_factory=dict)

    def services(self) -> tuple[Service, ...]:
        return tuple(self.by_host.values())

    def service(self, host: Host) -> Service | None:
        return self.by_host.get(host)

    def destination_rule(self, host: Host) -> ResolvedDestinationRule | None:
        return next((r for r in self.rules if covers(r.spec.host, host)), None)

    def endpoints(self, service: Service, port: Port) -> EndpointSet:
        return EndpointSet(host=service.host, port=port, endpoints=(), accounts=frozenset(), version="")

    def config(self, name: str) -> route_pb2.RouteConfiguration:
        """The named route configuration, whole."""
        key = next(k for k in routes.keys(self) if k.name == name)
        message = routes.build(key).message
        assert isinstance(message, route_pb2.RouteConfiguration)
        return message

    @property
    def names(self) -> list[str]:
        return [k.name for k in routes.keys(self)]


def village(
    *services: Service,
    virtual_services: Sequence[ResolvedVirtualService] = (),
    rules: Sequence[ResolvedDestinationRule] = (),
    servers: Sequence[GatewayServer] = (),
    egress: Sequence[EgressListener] | None = None,
    namespace: str = "default",
    mesh_config: MeshConfig | None = None,
    outbound_policy: OutboundPolicy | None = None,
    **key: Any,
) -> Village:
    everything = EgressListener(port=None, bind="", captured=True, services=services, virtual_services=tuple(virtual_services))
    view_key = ViewKey(
        type=ProxyType.ROUTER if servers else ProxyType.SIDECAR,
        namespace=Namespace(namespace),
        generator=Generator.ENVOY,
        sidecar=None,
        gateways=(),
        gateway_ports=(),
        patches=(),
        telemetries=(),
        wasm_plugins=(),
        selected_rules=(),
        labels=(),
        locality=Locality(),
        network="",
        node="",
        ipv4=True,
        ipv6=False,
        dns_capture=False,
        dns_auto_allocate=False,
        captured=True,
        http_proxy_port=0,
        outbound_mark=0,
        vhds=False,
    )
    mesh = Mesh(
        config=mesh_config or MeshConfig(), root_namespace=Namespace("istio-system"), trust_domain="cluster.local", trust_domain_aliases=()
    )
    listeners = tuple(egress) if egress is not None else (everything,)
    return Village(
        key=replace(view_key, **key),
        mesh=mesh,
        egress=listeners,
        rules=tuple(rules),
        servers=tuple(servers),
        outbound_policy=outbound_policy or OutboundPolicy(allow_any=True),
        by_host={s.host: s for listener in listeners for s in listener.services},
    )
