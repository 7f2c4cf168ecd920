"""The egress listeners of a view: what a sidecar may reach, with a Sidecar object or without one."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import structs

from ostria.api.meta import ObjectKey
from ostria.api.networking.destination import Destination
from ostria.api.networking.sidecar import IstioEgressListener, Sidecar
from ostria.registry import protocols
from ostria.registry.hosts import qualified
from ostria.registry.model import Host, Port, Protocol, Service
from ostria.snapshot import services as visible
from ostria.snapshot.memo import Memo
from ostria.snapshot.rewriting import MESH, destinations_of
from ostria.snapshot.services import Services, Trimmed
from ostria.snapshot.sidecars import Imports, imports
from ostria.snapshot.sources import Client, Variants
from ostria.snapshot.view import EgressListener, OutboundPolicy, ResolvedVirtualService


class Scope(NamedTuple):
    """Whose listeners: proxies of one namespace under one Sidecar, with one answer to every VirtualService's sourceLabels."""

    namespace: str
    sidecar: ObjectKey | None
    labels: tuple[tuple[str, str], ...]


class Outbound(NamedTuple):
    """All that a scope reaches. `services` are every listener's, and those that its VirtualServices send traffic to."""

    listeners: tuple[EgressListener, ...]
    services: tuple[Service, ...]


class Egress:
    """Builds listeners; equal ones stay the same object."""

    def __init__(self) -> None:
        self.variants = Variants()
        self.trimmed = Trimmed()
        self._listeners: Memo[EgressListener] = Memo(4096)
        self._everything: Memo[tuple[Service, ...]] = Memo(4096)

    def build(
        self, scope: Scope, sidecar: Sidecar | None, services: Services, candidates: tuple[ResolvedVirtualService, ...], domain: str
    ) -> Outbound:
        """`candidates` are the mesh's VirtualServices that the scope's namespace may see."""
        if sidecar is None or not sidecar.spec.egress:
            visible_here = self._everything.get(scope.namespace, (services,), lambda: visible.default_scope(services, scope.namespace))
            everything = self._listener(scope, 0, None, visible_here, candidates)
            return Outbound((everything,), everything.services)
        seen = tuple(services.seen_from(scope.namespace))
        listeners = tuple(self._imported(scope, index, listener, seen, candidates) for index, listener in enumerate(sidecar.spec.egress))
        return Outbound(listeners, self._reached(scope, listeners, services, _egress_proxy(sidecar, domain)))

    def _imported(
        self, scope: Scope, index: int, listener: IstioEgressListener, seen: Iterable[Service], candidates: Iterable[ResolvedVirtualService]
    ) -> EgressListener:
        wanted = imports(listener, scope.namespace)
        number = listener.port.number if listener.port and listener.port.number and _protocol(listener) is not Protocol.HTTP_PROXY else 0
        services = visible.imported((s for s in self._trim(seen, number) if _imports(wanted, s)), scope.namespace)
        bound = (vs for vs in candidates if wanted.virtual_service(vs.namespace, vs.spec.hosts))
        return self._listener(scope, index, listener, services, bound)

    def _trim(self, services: Iterable[Service], number: int) -> Iterator[Service]:
        """With a port, a listener carries that port of each service only."""
        for service in services:
            cut = self.trimmed.to(service, (number,)) if number else service
            if cut is not None:
                yield cut

    def _listener(
        self,
        scope: Scope,
        index: int,
        listener: IstioEgressListener | None,
        services: tuple[Service, ...],
        candidates: Iterable[ResolvedVirtualService],
    ) -> EgressListener:
        bound = self._oldest(Client(MESH, scope.namespace, scope.labels), candidates)
        port = _port(listener) if listener else None
        bind = (listener.bind or "") if listener else ""
        captured = listener is None or listener.capture_mode != "NONE"
        named = imports(listener, scope.namespace).named if listener else frozenset()
        return self._listeners.get(
            (scope, index),
            (port, bind, captured, services, bound, named),
            lambda: EgressListener(port=port, bind=bind, captured=captured, services=services, virtual_services=bound, named=named),
        )

    def _oldest(self, client: Client, candidates: Iterable[ResolvedVirtualService]) -> tuple[ResolvedVirtualService, ...]:
        """In the mesh only the oldest VirtualService of a host counts: younger ones lose that host."""
        taken: set[str] = set()
        kept: list[ResolvedVirtualService] = []
        for vs in candidates:
            if hosts := tuple(host for host in vs.spec.hosts if host not in taken):
                taken.update(hosts)
                kept.append(self.variants.of(vs, client, hosts))
        return tuple(kept)

    def _reached(
        self, scope: Scope, listeners: tuple[EgressListener, ...], services: Services, proxy: Destination | None
    ) -> tuple[Service, ...]:
        """A VirtualService brings the services that it sends traffic to, though no egress host names them; so does an egress proxy."""
        found: dict[Host, Service] = {}
        ports: dict[Host, set[int]] = {}
        for service in (s for listener in listeners for s in listener.services):
            whole = next((s for s in services.by_host.get(service.host, ()) if s.namespace == service.namespace), service)
            found.setdefault(service.host, whole)
            ports.setdefault(service.host, set()).update(p.number for p in service.ports)
        named = [d for listener in listeners for vs in listener.virtual_services for d in destinations_of(vs.spec)]
        for destination in (*named, *([proxy] if proxy else [])):
            if (reached := services.named(Host(destination.host), scope.namespace)) is not None and reached.host not in found:
                number = destination.port.number if destination.port else None
                ports.setdefault(reached.host, set()).update((number,) if number else (p.number for p in reached.ports))
                found[reached.host] = reached
        trimmed = (self.trimmed.to(service, ports[host]) for host, service in found.items())
        return visible.ordered(s for s in trimmed if s is not None)


def outbound_policy(sidecar: Sidecar | None, allow_any: bool, domain: str) -> OutboundPolicy:
    """The Sidecar's, whose mode is REGISTRY_ONLY unless it says otherwise, or else the mesh's."""
    own = sidecar.spec.outbound_traffic_policy if sidecar else None
    if own is None or sidecar is None:
        return OutboundPolicy(allow_any=allow_any)
    return OutboundPolicy(allow_any=own.mode == "ALLOW_ANY", egress_proxy=_egress_proxy(sidecar, domain))


def _egress_proxy(sidecar: Sidecar, domain: str) -> Destination | None:
    policy = sidecar.spec.outbound_traffic_policy
    proxy: Destination | None = policy.egress_proxy if policy else None
    return structs.replace(proxy, host=qualified(proxy.host, sidecar.metadata.namespace, domain)) if proxy else None


def _imports(wanted: Imports, service: Service) -> bool:
    return any(wanted.service(service.namespace, name) for name in (service.host, *service.aliases))


def _protocol(listener: IstioEgressListener) -> Protocol:
    port = listener.port
    return protocols.of_entry(port.number or 0, port.name or "", port.protocol) if port else Protocol.AUTO


def _port(listener: IstioEgressListener) -> Port | None:
    port = listener.port
    if port is None:
        return None
    return Port(name=port.name or "", number=port.number or 0, protocol=_protocol(listener), target=port.target_port or port.number or 0)
