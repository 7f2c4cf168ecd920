"""Snapshots: the store's changes in, the frozen world out, with everything that did not change still the same object."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ostria.api.extensions.wasm_plugin import WasmPlugin
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import ObjectKey, Resource
from ostria.api.networking.destination_rule import DestinationRule
from ostria.api.networking.envoy_filter import EnvoyFilter
from ostria.api.networking.gateway import Gateway
from ostria.api.networking.sidecar import Sidecar
from ostria.api.networking.virtual_service import VirtualService
from ostria.api.security.authorization_policy import AuthorizationPolicy
from ostria.api.security.request_authentication import RequestAuthentication
from ostria.api.telemetry.telemetry import Telemetry
from ostria.config.mesh import MeshSettings
from ostria.config.store import Change, Store, Stored
from ostria.registry import settings
from ostria.registry.model import Host, Namespace
from ostria.registry.registry import Delta, Registry
from ostria.snapshot import services
from ostria.snapshot.dangling import Dangling, Known, dangling
from ostria.snapshot.destination_rules import Merger
from ostria.snapshot.discovered import Discovered
from ostria.snapshot.egress import Egress
from ostria.snapshot.inbound import Inbounds
from ostria.snapshot.keys import view_key
from ostria.snapshot.memo import Memo
from ostria.snapshot.name_table import Name, name_table
from ostria.snapshot.policies import Policies, by_namespace
from ostria.snapshot.proxies import complete, find
from ostria.snapshot.references import References
from ostria.snapshot.sidecars import Sidecars
from ostria.snapshot.view import Inbound, Mesh, Proxy, View, ViewKey
from ostria.snapshot.views import Views
from ostria.snapshot.virtual_services import Resolver
from ostria.snapshot.world import FEEDS, Tables, World, same_places

T = TypeVar("T", bound=Resource)
MeshSource = Callable[[Store], MeshConfig]
"""The mesh's settings as the store (ConfigMap `istio`) and whoever made the source have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a snapshot has that the one before had not."""

    configs: frozenset[ObjectKey] = frozenset()
    """Objects that changed, of the kinds that proxies can see."""
    hosts: frozenset[Host] = frozenset()
    """Services that appeared, changed or went."""
    endpoints: frozenset[Host] = frozenset()
    """Hosts whose endpoints changed."""
    accounts: frozenset[Host] = frozenset()
    """Those of `endpoints` whose identities changed, so that clients' clusters do too."""
    workloads: frozenset[ObjectKey] = frozenset()
    """Workloads (Pod, WorkloadEntry) that changed: complete their proxies again."""
    everything: bool = False
    """The first snapshot, or other mesh settings."""

    @property
    def endpoints_only(self) -> bool:
        """Nothing but endpoints changed: the fast lane."""
        return not self.everything and not self.accounts and not self.hosts and all(k.kind in _ENDPOINT_KINDS for k in self.configs)


_ENDPOINT_KINDS = frozenset({"EndpointSlice", "Endpoints", "Pod", "Node", "WorkloadEntry", "IPAddress"})


@dataclass(slots=True)
class Caches:
    """What snapshots share, so that the next one keeps the results of the one before."""

    references: References = field(default_factory=References)
    egress: Egress = field(default_factory=Egress)
    views: Views = field(init=False)
    inbounds: Inbounds = field(init=False)
    proxies: Memo[Proxy] = field(default_factory=lambda: Memo(20_000))
    keys: Memo[ViewKey] = field(default_factory=lambda: Memo(20_000))
    dangling: Known = field(default_factory=lambda: Memo(20_000))

    def __post_init__(self) -> None:
        self.views = Views(self.references, self.egress)
        self.inbounds = Inbounds(self.references)


class Snapshot:
    """The world at one version. Ask the newest one: an older one's answers are right, but the caches work for the newest."""

    __slots__ = ("_caches", "changed", "places", "world")

    def __init__(self, world: World, changed: Changed, caches: Caches, places: object) -> None:
        self.world = world
        self.changed = changed
        self.places = places
        """The same object in two snapshots: every proxy is the same in both, with the same view key, inbound side and secrets."""
        self._caches = caches

    @property
    def version(self) -> int:
        return self.world.version

    @property
    def mesh(self) -> Mesh:
        return self.world.mesh

    def complete(self, claims: Proxy) -> Proxy:
        """The proxy with what the registry knows of its workload. Give it the same claims again after a change: an equal answer is the same object."""
        workload = find(self.world, claims)
        return self._caches.proxies.get(claims.id, (claims, workload), lambda: complete(claims, workload))

    def view_key(self, proxy: Proxy) -> ViewKey:
        w = self.world
        fronts = w.fronts.get(proxy.workload.owner) if proxy.workload else None
        inputs = (
            proxy,
            w.mesh,
            w.sidecars,
            w.gateways,
            w.policies,
            w.destination_rules,
            w.virtual_services.labels,
            fronts,
            w.services.by_node,
        )
        return self._caches.keys.get(proxy.id, inputs, lambda: view_key(w, proxy, self._caches.references))

    def view(self, key: ViewKey) -> View:
        return self._caches.views.of(self.world, key)

    def inbound(self, proxy: Proxy) -> Inbound:
        return self._caches.inbounds.of(self.world, proxy)

    def secret(self, namespace: str, name: str) -> Stored | None:
        return self.world.secrets.get((namespace, name))

    def name_table(self, view: View) -> tuple[Name, ...]:
        return name_table(view)

    def dangling(self) -> tuple[Dangling, ...]:
        """References that lead nowhere; worked out when asked for."""
        return dangling(self.world, self._caches.dangling)


class Snapshots:
    """Keeps the registry and the tables; `advance` is the only way forward."""

    def __init__(self, mesh: MeshSource | None = None, domain: str = "cluster.local") -> None:
        self._mesh_source = mesh or MeshSettings().read
        self._domain = domain
        self._registry = Registry()
        self._resolver = Resolver(domain)
        self._merger = Merger(domain)
        self._caches = Caches()
        self._secrets: dict[tuple[str, str], Stored] = {}
        self._discovered: Discovered | None = None
        self._world: World | None = None
        self._places = object()

    def advance(self, store: Store, changes: Iterable[Change], *, mesh_changed: bool = False) -> Snapshot:
        """The next snapshot. The first one takes the whole store, whatever `changes` are. `mesh_changed`: ask for the mesh's settings again."""
        changes = tuple(changes)
        mesh = self._mesh(store, ask=mesh_changed or self._world is None or any(c.key.kind == "ConfigMap" for c in changes))
        seen, anew = self._seen_part(store, mesh, changes)
        changes = _everything(seen) if anew else seen.changes(changes)
        stale = {FEEDS[c.key.kind] for c in changes if c.key.kind in FEEDS}
        if anew or self._world is None or mesh is not self._world.mesh:
            stale = set(Tables)
        delta = self._registry.apply(seen, changes, settings.of_mesh(mesh.config, self._domain))
        world = self._next(seen, changes, mesh, stale, delta)
        changed = Changed(
            configs=frozenset(c.key for c in changes if c.key.kind in FEEDS),
            hosts=frozenset(delta.hosts),
            endpoints=frozenset(delta.endpoints),
            accounts=frozenset(delta.accounts),
            workloads=frozenset(delta.workloads),
            everything=anew or self._world is None or mesh is not self._world.mesh,
        )
        if self._world is not None and not same_places(self._world, world):
            self._places = object()
        self._world = world
        return Snapshot(world, changed, self._caches, self._places)

    def _seen_part(self, store: Store, mesh: Mesh, changes: Sequence[Change]) -> tuple[Discovered, bool]:
        """The part of the store that belongs to the mesh, and whether to begin anew with it: when namespaces joined or left."""
        selectors, root = mesh.config.discovery_selectors, mesh.root_namespace
        known = self._discovered
        asked = known is None or self._world is None or mesh is not self._world.mesh or any(c.key.kind == "Namespace" for c in changes)
        if known is not None and (not asked or known.same_namespaces(store, selectors, root)):
            return known, False
        self._discovered = Discovered(store, selectors, root)
        self._registry, self._secrets = Registry(), {}
        return self._discovered, True

    def _mesh(self, store: Store, *, ask: bool) -> Mesh:
        if self._world is not None and not ask:
            return self._world.mesh
        config = self._mesh_source(store)
        if self._world is not None and self._world.mesh.config == config:
            return self._world.mesh
        return Mesh(
            config=config,
            root_namespace=Namespace(config.root_namespace),
            trust_domain=config.trust_domain,
            trust_domain_aliases=config.trust_domain_aliases,
        )

    def _next(self, store: Discovered, changes: Sequence[Change], mesh: Mesh, stale: set[Tables], delta: Delta) -> World:
        old, registry, root = self._world, self._registry, mesh.root_namespace
        config = mesh.config
        by_host = registry.by_host.freeze()
        same_services = old is not None and old.services.by_host is by_host and old.services.aliases is registry.aliases
        if old is None or Tables.SECRETS in stale:
            self._take_secrets(changes)
        virtual_services = (
            self._resolver.resolve(_objects(store, VirtualService), config.default_virtual_service_export_to)
            if old is None or Tables.VIRTUAL_SERVICES in stale
            else old.virtual_services
        )
        if old is None or virtual_services is not old.virtual_services:
            self._caches.egress.variants.keep_only(frozenset(virtual_services.all))
        if not same_services:
            self._caches.egress.trimmed.keep_only(by_host)
        return World(
            version=old.version + 1 if old else 1,
            mesh=mesh,
            domain=self._domain,
            services=old.services if old is not None and same_services else services.index(by_host, registry.aliases),
            endpoints=registry.endpoints.freeze(),
            workloads=registry.workloads.table.freeze(),
            addresses=registry.workloads.by_address.freeze(),
            fronts=registry.fronts.freeze(),
            peers=registry.peers,
            virtual_services=virtual_services,
            destination_rules=(
                self._merger.merge(_objects(store, DestinationRule), root, config.default_destination_rule_export_to)
                if old is None or Tables.DESTINATION_RULES in stale
                else old.destination_rules
            ),
            sidecars=(
                Sidecars(root_namespace=root, by_namespace=by_namespace(_objects(store, Sidecar)))
                if old is None or Tables.SIDECARS in stale
                else old.sidecars
            ),
            gateways=tuple(_objects(store, Gateway)) if old is None or Tables.GATEWAYS in stale else old.gateways,
            policies=_policies(store, root) if old is None or Tables.POLICIES in stale else old.policies,
            secrets=self._secrets,
            touched=frozenset(delta.endpoints),
        )

    def _take_secrets(self, changes: Sequence[Change]) -> None:
        secrets = dict(self._secrets)
        for change in changes:
            if change.key.kind == "Secret":
                name = (change.key.namespace, change.key.name)
                if change.new is None:
                    secrets.pop(name, None)
                else:
                    secrets[name] = change.new
        self._secrets = secrets


def _everything(store: Discovered) -> tuple[Change, ...]:
    return tuple(Change(stored.key, None, stored) for kind in sorted(FEEDS) for stored in store.list(kind))


def _objects(store: Discovered, kind: type[T]) -> list[T]:
    """Oldest first."""
    return [s.object for s in store.list(kind.__name__) if isinstance(s.object, kind)]


def _policies(store: Discovered, root_namespace: str) -> Policies:
    return Policies(
        root_namespace=root_namespace,
        authorization=by_namespace(_objects(store, AuthorizationPolicy)),
        request_authentication=by_namespace(_objects(store, RequestAuthentication)),
        telemetry=by_namespace(_objects(store, Telemetry)),
        envoy_filters=by_namespace(_objects(store, EnvoyFilter)),
        wasm_plugins=by_namespace(_objects(store, WasmPlugin)),
    )
