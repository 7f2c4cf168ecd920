"""The egress listeners of a view: what a sidecar may reach, with a Sidecar object or without one."""

from collections.abc import Iterable, Iterator
from itertools import chain
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
        self._visible: Memo[tuple[Service, ...]] = Memo(4096)
        self._reached: Memo[tuple[Service, ...]] = Memo(4096)

    def build(
        self, scope: Scope, sidecar: Sidecar | None, services: Services, candidates: tuple[ResolvedVirtualService, ...], domain: str
    ) -> Outbound:
        """`candidates` are the mesh's VirtualServices that the scope's namespace may see."""
        if sidecar is None or not sidecar.spec.egress:
            visible_here = self._visible.get(scope.namespace, (services,), lambda: visible.default_scope(services, scope.namespace))
            everything = self._listener(scope, 0, None, visible_here, candidates)
            return Outbound((everything,), everything.services)
        listeners = tuple(
            self._imported(scope, index, listener, services, candidates) for index, listener in enumerate(sidecar.spec.egress)
        )
        wanted = _destinations(listeners, _egress_proxy(sidecar, domain))
        imported = tuple(listener.services for listener in listeners)
        reached = self._reached.get(scope, (services, imported, wanted), lambda: self._reach(scope, imported, services, wanted))
        return Outbound(listeners, reached)

    def _imported(
        self, scope: Scope, index: int, listener: IstioEgressListener, services: Services, candidates: Iterable[ResolvedVirtualService]
    ) -> EgressListener:
        wanted = imports(listener, scope.namespace)
        found = self._visible.get((scope, index), (services, listener), lambda: self._import(scope, listener, services, wanted))
        bound = (vs for vs in candidates if wanted.virtual_service(vs.namespace, vs.spec.hosts))
        return self._listener(scope, index, listener, found, bound, wanted.named)

    def _import(self, scope: Scope, listener: IstioEgressListener, services: Services, wanted: Imports) -> tuple[Service, ...]:
        number = listener.port.number if listener.port and listener.port.number and _protocol(listener) is not Protocol.HTTP_PROXY else 0
        seen = self._trim(services.seen_from(scope.namespace), number)
        return visible.imported((s for s in seen if _imports(wanted, s)), scope.namespace)

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
        named: frozenset[str] = frozenset(),
    ) -> EgressListener:
        bound = self._oldest(Client(MESH, scope.namespace, scope.labels), candidates)
        port = _port(listener) if listener else None
        bind = (listener.bind or "") if listener else ""
        captured = listener is None or listener.capture_mode != "NONE"
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

    def _reach(
        self, scope: Scope, imported: tuple[tuple[Service, ...], ...], services: Services, wanted: tuple[Destination, ...]
    ) -> tuple[Service, ...]:
        """Each listener's services, and those that `wanted` names though no egress host does."""
        found: dict[Host, Service] = {}
        ports: dict[Host, set[int]] = {}
        for service in chain.from_iterable(imported):
            whole = next((s for s in services.by_host.get(service.host, ()) if s.namespace == service.namespace), service)
            found.setdefault(service.host, whole)
            ports.setdefault(service.host, set()).update(p.number for p in service.ports)
        for destination in wanted:
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


def _destinations(listeners: tuple[EgressListener, ...], proxy: Destination | None) -> tuple[Destination, ...]:
    """Where VirtualServices send traffic, and an egress proxy."""
    named = (d for listener in listeners for vs in listener.virtual_services for d in destinations_of(vs.spec))
    return (*named, *((proxy,) if proxy else ()))


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
