"""The registry: services, endpoints and workloads, kept up to date change by change.

Each object is an *owner* of services (a Service of one, a ServiceEntry of one for each host). Owners of one host in one namespace form a *group*, which
is what clients see. A change marks owners and groups as stale; `apply` then works out those alone and keeps every result that came out equal.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol

from ostria.api.kubernetes.ip_address import IPAddress
from ostria.api.kubernetes.service import Service as KubernetesService
from ostria.api.meta import ObjectKey
from ostria.api.networking.service_entry import ServiceEntry
from ostria.api.security.peer_authentication import PeerAuthentication
from ostria.config.store import Change, Stored
from ostria.registry import (
    endpoint_sets,
    entry_endpoints,
    groups,
    kubernetes_endpoints,
    kubernetes_services,
    mutual_tls,
    service_entries,
    virtual_ips,
)
from ostria.registry.indexes import Multimap, SelectorIndex, Table
from ostria.registry.model import Endpoint, EndpointSet, Host, Locality, Namespace, Service, Workload
from ostria.registry.mutual_tls import PeerPolicies, WorkloadMtls
from ostria.registry.settings import Settings
from ostria.registry.slice_state import SliceState
from ostria.registry.workload_state import WorkloadState

Group = tuple[Host, Namespace]
KINDS = frozenset(
    {"Service", "EndpointSlice", "Endpoints", "IPAddress", "Pod", "Node", "ServiceEntry", "WorkloadEntry", "PeerAuthentication"}
)
"""The kinds that services and endpoints are made of."""


class Objects(Protocol):
    """The store, or a part of it."""

    def list(self, kind: str) -> Sequence[Stored]:
        """Oldest first."""


@dataclass(slots=True)
class Delta:
    """What a batch of changes came to."""

    hosts: set[Host] = field(default_factory=set)
    """Services that appeared, changed or went."""
    endpoints: set[Host] = field(default_factory=set)
    accounts: set[Host] = field(default_factory=set)
    """Those of `endpoints` whose set of identities changed, which clients check."""
    workloads: set[ObjectKey] = field(default_factory=set)


class Registry:
    def __init__(self) -> None:
        self.by_host: Table[Host, tuple[Service, ...]] = Table()
        """Services of a host, the one that wins first: see `groups.precedence`."""
        self.endpoints: Table[Group, Mapping[int, EndpointSet]] = Table()
        self.aliases: Mapping[Host, Host] = {}
        """ExternalName services: alias → the host that it stands for."""
        self.fronts: Table[ObjectKey, tuple[Service, ...]] = Table()
        """The services that a workload stands behind, by the workload's key."""
        self.workloads = WorkloadState()
        self.peers = PeerPolicies()
        self._settings: Settings | None = None
        self._objects: dict[ObjectKey, KubernetesService | ServiceEntry] = {}
        self._services: dict[ObjectKey, tuple[Service, ...]] = {}
        self._owners: Multimap[Group, ObjectKey] = Multimap()
        self._groups: dict[Group, Service] = {}
        self._namespaces: Multimap[Host, Namespace] = Multimap()
        self._slices = SliceState()
        self._virtual: Multimap[ObjectKey, str] = Multimap()
        self._selectors: SelectorIndex[ObjectKey] = SelectorIndex()
        self._served: dict[ObjectKey, dict[Group, Mapping[int, list[Endpoint]]]] = {}
        self._serving: Multimap[str, ObjectKey] = Multimap()
        self._claims: dict[ObjectKey, tuple[Host, ...]] = {}
        self._allocated: dict[tuple[str, Host], tuple[str, str]] = {}
        self._external: dict[Host, Host] = {}
        self._stale_owners: set[ObjectKey] = set()
        self._stale_endpoints: set[ObjectKey] = set()
        self._stale_groups: set[Group] = set()
        self._stale_fronts: set[ObjectKey] = set()
        self._delta = Delta()

    # What endpoints ask of the world around them (Surroundings).

    def pod(self, name: str) -> Workload | None:
        return self.workloads.pod(name)

    def at(self, address: str) -> Workload | None:
        return self.workloads.at(address)

    def locality(self, node: str) -> Locality:
        return self.workloads.locality(node)

    def mtls(self, namespace: str, labels: dict[str, str]) -> WorkloadMtls:
        return self.peers.of(namespace, labels)

    def account(self, namespace: str, name: str) -> str:
        return self.settings.account(namespace, name or "default")

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            raise RuntimeError("apply() has not been called")
        return self._settings

    def service(self, group: Group) -> Service | None:
        return self._groups.get(group)

    def apply(self, store: Objects, changes: Iterable[Change], settings: Settings) -> Delta:
        """Take changes of the kinds in KINDS, and settings that may have changed; the result says what came out different."""
        self._delta = Delta()
        changes = tuple(changes)
        if settings != self._settings:
            self._settings = settings
            self._stale_owners.update(self._objects)
            changes = (*changes, *_again(store, "PeerAuthentication"))
        for change in changes:
            self._take(store, change)
        self._allocate()
        for owner in sorted(self._stale_owners):
            self._convert(owner)
        self._alias()
        for group in sorted(self._stale_groups):
            self._merge(group)
        self._serve()
        self._front()
        self._stale_owners.clear()
        self._stale_groups.clear()
        return self._delta

    def _take(self, store: Objects, change: Change) -> None:
        key, new = change.key, change.new
        match key.kind:
            case "Service" | "ServiceEntry":
                self._put_owner(key, new.object if new else None)
            case "EndpointSlice" | "Endpoints":
                self._stale_endpoints.update(self._slices.put(key, new.object if new else None))
            case "IPAddress":
                for stored, put in ((change.old, self._virtual.discard), (new, self._virtual.add)):
                    if stored and isinstance(stored.object, IPAddress) and (service := _parent(stored.object)):
                        put(service, key.name)
                        self._stale_owners.add(service)
            case "Pod":
                self._moved(self.workloads.put_pod(key, new))
            case "WorkloadEntry":
                self._moved(self.workloads.put_entry(key, new))
            case "Node":
                self._moved(self.workloads.put_node(key, new))
                self._stale_endpoints.update(self._services)
            case "PeerAuthentication":
                self._peer_policies(store, key.namespace)
            case _:
                pass

    def _put_owner(self, key: ObjectKey, new: object) -> None:
        self._stale_owners.add(key)
        if isinstance(new, KubernetesService | ServiceEntry):
            self._objects[key] = new
        else:
            self._objects.pop(key, None)
        wants = service_entries.wants_addresses(new) if isinstance(new, ServiceEntry) else ()
        if wants:
            self._claims[key] = wants
        else:
            self._claims.pop(key, None)

    def _moved(self, pairs: Iterable[tuple[Workload | None, Workload | None]]) -> None:
        """Workloads changed: so may every service that names or selects them."""
        for pair in pairs:
            for workload in filter(None, pair):
                self._delta.workloads.add(workload.owner)
                self._stale_fronts.add(workload.owner)
                self._stale_endpoints.update(self._selectors.find(workload.namespace, workload.labels))
                for name in (*workload.addresses, f"{workload.namespace}/{workload.name}"):
                    self._stale_endpoints.update(self._slices.services_naming(name))

    def _peer_policies(self, store: Objects, namespace: str) -> None:
        policies = [s.object for s in store.list("PeerAuthentication") if isinstance(s.object, PeerAuthentication)]
        self.peers = mutual_tls.index(policies, self.settings.root_namespace)
        everywhere = namespace in ("", self.settings.root_namespace)
        self._stale_endpoints.update(k for k in self._services if everywhere or k.namespace == namespace)

    def _allocate(self) -> None:
        if not any(owner.kind == "ServiceEntry" for owner in self._stale_owners):
            return
        claims = (virtual_ips.Claim(_created(self._objects[k]), k.namespace, host) for k, hosts in self._claims.items() for host in hosts)
        allocated = virtual_ips.allocate(claims)
        moved = {name for name, addresses in allocated.items() if self._allocated.get(name, addresses) != addresses}
        self._allocated = allocated
        self._stale_owners.update(k for k, hosts in self._claims.items() if any((k.namespace, h) in moved for h in hosts))

    def _convert(self, owner: ObjectKey) -> None:
        for service in self._services.pop(owner, ()):
            self._owners.discard((service.host, service.namespace), owner)
            self._stale_groups.add((service.host, service.namespace))
            self._external.pop(service.host, None)
            self._reselect(service)
        self._selectors.drop(owner)
        services = self._converted(owner)
        self._stale_endpoints.add(owner)
        if not services:
            return
        self._services[owner] = services
        for service in services:
            self._owners.add((service.host, service.namespace), owner)
            self._stale_groups.add((service.host, service.namespace))
            if service.external_name:
                self._external[service.host] = Host(service.external_name)
            self._reselect(service)
        self._selectors.put(owner, owner.namespace, dict(services[0].selector))

    def _reselect(self, service: Service) -> None:
        self._stale_fronts.update(w.owner for w, _ in self.workloads.select(service.namespace, dict(service.selector)))

    def _converted(self, owner: ObjectKey) -> tuple[Service, ...]:
        match self._objects.get(owner):
            case KubernetesService() as service:
                return (kubernetes_services.convert(service, sorted(self._virtual.get(owner), key=groups.address_order), self.settings),)
            case ServiceEntry() as entry:
                allocated = {host: self._allocated.get((owner.namespace, host), ()) for host in self._claims.get(owner, ())}
                return service_entries.convert(entry, allocated, self.settings)
            case None:
                return ()

    def _alias(self) -> None:
        """Which host each ExternalName stands for; hosts whose set of aliases changed are stale."""
        targets = self._external
        aliases = {alias: target for alias in targets if (target := groups.end_of(alias, targets)) is not None}
        for alias in aliases.keys() | self.aliases.keys():
            old, new = self.aliases.get(alias), aliases.get(alias)
            if old != new:
                self._stale_groups.update((host, ns) for host in (old, new) if host for ns in self._namespaces.get(host))
        if aliases != self.aliases:
            self.aliases = aliases

    def _merge(self, group: Group) -> None:
        """Make one service of a group's owners, and put it in its place among those of the same host."""
        host, namespace = group
        owned = [s for owner in self._owners.get(group) for s in self._services[owner] if s.host == host and not s.external_name]
        merged = groups.merged(owned)
        aliases = tuple(sorted(alias for alias, target in self.aliases.items() if target == host)) if self.aliases else ()
        if merged is not None and aliases:
            merged = replace(merged, aliases=aliases)
        old = self._groups.get(group)
        if old is not None and merged is not None and _same(old, merged):
            return
        if old is None and merged is None:
            return
        self._delta.hosts.add(host)
        self._stale_fronts.update(w for s in (old, merged) if s for w in self._behind(s))
        if merged is None:
            del self._groups[group]
            self._namespaces.discard(host, namespace)
        else:
            self._groups[group] = merged
            self._namespaces.add(host, namespace)
        every = sorted((self._groups[host, ns] for ns in self._namespaces.get(host)), key=groups.precedence)
        self.by_host.put(host, tuple(every) or None)

    def _behind(self, service: Service) -> Iterator[ObjectKey]:
        """The workloads that a service selects, and those at the addresses that one of its owners lists."""
        group = (service.host, service.namespace)
        yield from (w.owner for w, _ in self.workloads.select(service.namespace, dict(service.selector)))
        for owner in self._owners.get(group):
            yield from self._living_at(_addresses(self._served.get(owner, {})))

    def _living_at(self, addresses: Iterable[str]) -> Iterator[ObjectKey]:
        for address in addresses:
            yield from self.workloads.by_address.get(address) or ()

    def _serve(self) -> None:
        """Work out the endpoints of stale owners, then those of the groups that they belong to."""
        touched = set(self._stale_groups)
        for owner in sorted(self._stale_endpoints):
            old = self._served.pop(owner, {})
            new = {(s.host, s.namespace): self._contribution(owner, s) for s in self._services.get(owner, ())}
            if new:
                self._served[owner] = new
            touched.update(old, new)
            for address in _addresses(old) - _addresses(new):
                self._serving.discard(address, owner)
            for address in _addresses(new) - _addresses(old):
                self._serving.add(address, owner)
            self._stale_fronts.update(self._living_at(_addresses(old) ^ _addresses(new)))
        self._stale_endpoints.clear()
        for group in sorted(touched):
            self._endpoints(group)

    def _contribution(self, owner: ObjectKey, service: Service) -> Mapping[int, list[Endpoint]]:
        selector = dict(service.selector)
        selected = list(self.workloads.select(service.namespace, selector)) if selector else []
        match self._objects[owner]:
            case ServiceEntry() as entry if selector:
                return entry_endpoints.selected(service, selected, self)
            case ServiceEntry() as entry:
                return entry_endpoints.listed(entry, service, self)
            case KubernetesService():
                entries = [(entry, workload) for workload, entry in selected if entry is not None]
                found = kubernetes_endpoints.from_slices(service, self._slices.behind(owner), self)
                for number, endpoints in kubernetes_endpoints.from_entries(service, entries, self).items():
                    found.setdefault(number, []).extend(endpoints)
                return found

    def _endpoints(self, group: Group) -> None:
        host, _ = group
        service, old = self._groups.get(group), self.endpoints.get(group) or {}
        new: dict[int, EndpointSet] = {}
        owners = sorted(self._owners.get(group), key=lambda owner: (owner.kind != "Service", owner))
        for port in service.ports if service else ():
            endpoints = (e for owner in owners for e in self._served.get(owner, {}).get(group, {}).get(port.number, ()))
            built = endpoint_sets.build(host, port, endpoints)
            known = old.get(port.number)
            new[port.number] = known if known is not None and known.version == built.version else built
        if new == old:
            return
        self.endpoints.put(group, new or None)
        self._delta.endpoints.add(host)
        if _accounts(old) != _accounts(new):
            self._delta.accounts.add(host)

    def _front(self) -> None:
        for key in sorted(self._stale_fronts):
            workload = self.workloads.table.get(key)
            services = tuple(self._in_front_of(workload)) if workload is not None else ()
            if services != (self.fronts.get(key) or ()):
                self.fronts.put(key, services or None)
                self._delta.workloads.add(key)
        self._stale_fronts.clear()

    def _in_front_of(self, workload: Workload) -> list[Service]:
        """Services that select the workload, and those that name its address; oldest first."""
        owners = set(self._selectors.find(workload.namespace, workload.labels))
        owners.update(owner for address in workload.addresses for owner in self._serving.get(address))
        found = {
            (s.host, s.namespace): g
            for o in owners
            for s in self._services.get(o, ())
            if (g := self._groups.get((s.host, s.namespace))) is not None
        }
        return sorted(found.values(), key=lambda s: (s.created, s.host, s.namespace))


def _parent(address: IPAddress) -> ObjectKey | None:
    parent = address.spec.parent_ref
    return ObjectKey("Service", parent.namespace, parent.name) if parent.resource == "services" else None


def _again(store: Objects, kind: str) -> Iterator[Change]:
    """Objects that have not changed, but mean something else now."""
    return (Change(s.key, s, s) for s in store.list(kind))


def _created(item: KubernetesService | ServiceEntry) -> str:
    return item.metadata.creation_timestamp or ""


def _addresses(served: Mapping[Group, Mapping[int, list[Endpoint]]]) -> set[str]:
    return {e.address for ports in served.values() for endpoints in ports.values() for e in endpoints}


def _accounts(sets: Mapping[int, EndpointSet]) -> dict[int, frozenset[str]]:
    return {number: found.accounts for number, found in sets.items()}


_FIELDS = tuple(f.name for f in fields(Service))


def _same(a: Service, b: Service) -> bool:
    return all(getattr(a, name) == getattr(b, name) for name in _FIELDS)
