"""Policies and extensions that apply to one workload: security, telemetry, EnvoyFilters, WasmPlugins.

All share a rule: objects of the root namespace apply everywhere, others in their own namespace, and each to the workloads that it selects.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from ostria.api.extensions.wasm_plugin import WasmPlugin
from ostria.api.meta import ObjectKey, Resource
from ostria.api.networking.envoy_filter import EnvoyFilter
from ostria.api.security.authorization_policy import AuthorizationPolicy
from ostria.api.security.request_authentication import RequestAuthentication
from ostria.api.selectors import PolicyTargetReference
from ostria.api.telemetry.telemetry import Telemetry
from ostria.registry.model import Namespace
from ostria.snapshot.selection import labels_of, selects, targets
from ostria.snapshot.view import AuthorizationPolicyRef, RequestAuthenticationRef, WasmPluginRef

Spoken = AuthorizationPolicy | RequestAuthentication | Telemetry | WasmPlugin
T = TypeVar("T", bound=Resource)
_ACTIONS = {"CUSTOM": 0, "DENY": 1, "ALLOW": 2, None: 2, "AUDIT": 3}
_PHASES = {"AUTHN": 0, "AUTHZ": 1, "STATS": 2, "UNSPECIFIED_PHASE": 3, None: 3}
DRY_RUN = "istio.io/dry-run"
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
"""What Istio reads as true; anything else leaves a policy enforced."""


class Who(NamedTuple):
    """The workload that policies are looked up for."""

    namespace: str
    labels: Mapping[str, str]


def key_of(item: Resource) -> ObjectKey:
    return ObjectKey(item.kind, item.metadata.namespace, item.metadata.name)


def by_namespace(objects: Iterable[T]) -> dict[str, tuple[T, ...]]:
    found: dict[str, list[T]] = {}
    for item in objects:
        found.setdefault(item.metadata.namespace, []).append(item)
    return {namespace: tuple(items) for namespace, items in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policies:
    """Every policy, by namespace, oldest first within each."""

    root_namespace: str
    authorization: Mapping[str, Sequence[AuthorizationPolicy]] = field(default_factory=dict)
    request_authentication: Mapping[str, Sequence[RequestAuthentication]] = field(default_factory=dict)
    telemetry: Mapping[str, Sequence[Telemetry]] = field(default_factory=dict)
    envoy_filters: Mapping[str, Sequence[EnvoyFilter]] = field(default_factory=dict)
    wasm_plugins: Mapping[str, Sequence[WasmPlugin]] = field(default_factory=dict)

    def authorization_of(self, who: Who) -> tuple[AuthorizationPolicy, ...]:
        """CUSTOM, DENY, ALLOW, AUDIT; those of the root namespace first within each."""
        found = [p for p in self._of(self.authorization, who) if _speaks_to(p, who)]
        return tuple(sorted(found, key=lambda p: _ACTIONS[p.spec.action]))

    def request_authentication_of(self, who: Who) -> tuple[RequestAuthentication, ...]:
        return tuple(p for p in self._of(self.request_authentication, who) if _speaks_to(p, who))

    def wasm_plugins_of(self, who: Who) -> tuple[WasmPlugin, ...]:
        """By phase, then the highest priority first."""
        found = [p for p in self._of(self.wasm_plugins, who) if _speaks_to(p, who)]
        return tuple(sorted(found, key=lambda p: (_PHASES[p.spec.phase], -(p.spec.priority or 0))))

    def telemetry_of(self, who: Who) -> tuple[Telemetry, ...]:
        """At most one for the mesh, the namespace and the workload each, in this order; the oldest where there are several."""
        own = self.telemetry.get(who.namespace, ())
        general = [self.telemetry.get(self.root_namespace, ())] + ([own] if who.namespace != self.root_namespace else [])
        levels = [[t for t in level if not _narrow(t)] for level in general]
        levels.append([t for t in own if _narrow(t) and _speaks_to(t, who)])
        return tuple(level[0] for level in levels if level)

    def envoy_filters_of(self, who: Who) -> tuple[EnvoyFilter, ...]:
        """The root namespace's first; in each by priority, then age."""
        found: list[EnvoyFilter] = []
        for namespace in dict.fromkeys((self.root_namespace, who.namespace)):
            here = [f for f in self.envoy_filters.get(namespace, ()) if _filters(f, who)]
            found.extend(sorted(here, key=lambda f: f.spec.priority or 0))
        return tuple(found)

    def _of(self, table: Mapping[str, Sequence[T]], who: Who) -> Iterable[T]:
        for namespace in dict.fromkeys((self.root_namespace, who.namespace)):
            yield from table.get(namespace, ())


def _references(item: Spoken) -> tuple[PolicyTargetReference, ...]:
    return item.spec.target_refs or ((item.spec.target_ref,) if item.spec.target_ref else ())


def _narrow(item: Spoken) -> bool:
    return bool(_references(item) or labels_of(item.spec.selector))


def _speaks_to(item: Spoken, who: Who) -> bool:
    if references := _references(item):
        return targets(references, who.namespace, item.metadata.namespace, who.labels)
    return selects(item.spec.selector, who.labels)


def _filters(item: EnvoyFilter, who: Who) -> bool:
    if item.spec.target_refs:
        return targets(item.spec.target_refs, who.namespace, item.metadata.namespace, who.labels)
    return selects(item.spec.workload_selector, who.labels)


def authorization_ref(item: AuthorizationPolicy) -> AuthorizationPolicyRef:
    dry_run = item.metadata.annotations.get(DRY_RUN, "") in _TRUE
    return AuthorizationPolicyRef(owner=key_of(item), namespace=Namespace(item.metadata.namespace), spec=item.spec, dry_run=dry_run)


def request_authentication_ref(item: RequestAuthentication) -> RequestAuthenticationRef:
    return RequestAuthenticationRef(owner=key_of(item), spec=item.spec)


def wasm_plugin_ref(item: WasmPlugin) -> WasmPluginRef:
    return WasmPluginRef(owner=key_of(item), spec=item.spec)
