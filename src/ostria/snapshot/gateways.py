"""Gateways: which ones a router serves, on which of its ports, with which VirtualServices."""

from collections.abc import Iterable, Mapping

from ostria.api.meta import ObjectKey
from ostria.api.networking.gateway import Gateway, Server
from ostria.registry.hosts import matches
from ostria.registry.model import Namespace, Service, Workload
from ostria.snapshot.inbound_ports import target_of
from ostria.snapshot.memo import Memo
from ostria.snapshot.sources import Client, Variants
from ostria.snapshot.view import GatewayServer, ResolvedVirtualService
from ostria.snapshot.virtual_services import VirtualServices


def key_of(gateway: Gateway) -> ObjectKey:
    return ObjectKey("Gateway", gateway.metadata.namespace, gateway.metadata.name)


def selecting(gateways: Iterable[Gateway], labels: Mapping[str, str]) -> tuple[ObjectKey, ...]:
    """The Gateways of any namespace whose selector finds the router; an empty selector finds every router."""
    return tuple(key_of(g) for g in gateways if g.spec.selector.items() <= labels.items())


def port_pairs(services: Iterable[Service], workload: Workload | None) -> tuple[tuple[int, int], ...]:
    """(service port, container port) of the Services in front of a router."""
    pairs = {(port.number, target_of(port, workload)) for service in services for port in service.ports}
    return tuple(sorted((number, target) for number, target in pairs if target))


def bind_ports(server: Server, pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Where Envoy listens: the target ports of the Services, or the port itself where no Service maps it."""
    return tuple(dict.fromkeys(target for number, target in pairs if number == server.port.number)) or (server.port.number,)


class Servers:
    """Builds the servers of a view; equal ones stay the same object."""

    def __init__(self, variants: Variants) -> None:
        self._variants = variants
        self._known: Memo[GatewayServer] = Memo(8192)

    def build(
        self,
        gateway: Gateway,
        namespace: str,
        labels: tuple[tuple[str, str], ...],
        pairs: tuple[tuple[int, int], ...],
        all_of: VirtualServices,
    ) -> list[GatewayServer]:
        owner = key_of(gateway)
        name = f"{owner.namespace}/{owner.name}"
        client = Client(name, namespace, labels)
        bound = [self._variants.of(vs, client) for vs in all_of.seen_from(namespace, name)]
        found: list[GatewayServer] = []
        for index, server in enumerate(gateway.spec.servers):
            services = tuple(vs for vs in bound if _share_a_host(server, gateway, vs))
            found.extend(self._server(gateway, owner, index, server, port, services, client) for port in bind_ports(server, pairs))
        return found

    def _server(
        self,
        gateway: Gateway,
        owner: ObjectKey,
        index: int,
        server: Server,
        bind_port: int,
        services: tuple[ResolvedVirtualService, ...],
        client: Client,
    ) -> GatewayServer:
        return self._known.get(
            (client, index, bind_port),
            (gateway, services),
            lambda: GatewayServer(
                owner=owner,
                index=index,
                api_version=gateway.api_version,
                namespace=Namespace(gateway.metadata.namespace),
                server=server,
                bind_port=bind_port,
                created=gateway.metadata.creation_timestamp or "",
                virtual_services=services,
            ),
        )


def order(server: GatewayServer) -> tuple[int, str, str, str, int]:
    return (server.bind_port, server.created, server.owner.namespace, server.owner.name, server.index)


def _share_a_host(server: Server, gateway: Gateway, vs: ResolvedVirtualService) -> bool:
    return any(_covers(pattern, gateway.metadata.namespace, vs) for pattern in server.hosts)


def _covers(pattern: str, namespace: str, vs: ResolvedVirtualService) -> bool:
    """`NAMESPACE/HOST` admits VirtualServices of that namespace only; `./` means the Gateway's own."""
    place, slash, host = pattern.partition("/")
    if not slash:
        place, host = "*", pattern
    if place not in ("*", vs.namespace) and not (place == "." and vs.namespace == namespace):
        return False
    return any(matches(host.lower(), name) for name in vs.spec.hosts)
