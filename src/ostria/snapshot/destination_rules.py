"""DestinationRules: rules of one host merged, and the look-up that a client's namespace decides.

The order is Istio's: the client's own namespace, then the service's, then the root namespace; in each the most specific host. Rules with a
workloadSelector speak only to the workloads that they select, in their own namespace, and there they win.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from ostria.api.meta import ObjectKey
from ostria.api.networking.destination_rule import DestinationRule, DestinationRuleSpec, Subset
from ostria.registry import visibility
from ostria.registry.hosts import most_specific, namespace_of, qualified
from ostria.registry.model import Host, Namespace
from ostria.snapshot import failover_labels
from ostria.snapshot.view import ResolvedDestinationRule

ByHost = Mapping[Host, ResolvedDestinationRule]
ByViewer = Mapping[str, ResolvedDestinationRule]
"""What the rules that a client may see add up to, by its namespace; `*` for namespaces that none of them names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DestinationRules:
    """Merged rules, by namespace and host."""

    root_namespace: str
    domain: str
    local: Mapping[str, ByHost] = field(default_factory=dict)
    """For clients of the same namespace."""
    exported: Mapping[str, Mapping[Host, ByViewer]] = field(default_factory=dict)
    """For clients elsewhere that may see them."""
    root_private: ByHost = field(default_factory=dict)
    """Of the root namespace, for itself only."""
    selecting: Mapping[str, tuple[ResolvedDestinationRule, ...]] = field(default_factory=dict)
    """With a workloadSelector, by namespace, oldest first."""
    labels: frozenset[str] = frozenset()
    """Every label that some rule's failover priority asks for."""

    def find(
        self, client: str, host: Host, service_namespace: str | None, selected: tuple[ResolvedDestinationRule, ...]
    ) -> ResolvedDestinationRule | None:
        """The rule for `host` that a client of namespace `client` obeys; `selected` are those that select the client itself."""
        if selected and (own := self._selected(host, selected)) is not None:
            return own
        table = self.root_private if client == self.root_namespace else self.local.get(client, {})
        if (found := most_specific(host, table)) is not None:
            return found
        namespace = service_namespace or namespace_of(host, self.domain)
        for place in (namespace, self.root_namespace):
            if place is not None and (rule := self._exported(place, host, client)) is not None:
                return rule
        return None

    def _selected(self, host: Host, selected: tuple[ResolvedDestinationRule, ...]) -> ResolvedDestinationRule | None:
        table: dict[Host, ResolvedDestinationRule] = {}
        for rule in selected:
            table.setdefault(Host(rule.spec.host), rule)
        return most_specific(host, table)

    def _exported(self, namespace: str, host: Host, client: str) -> ResolvedDestinationRule | None:
        seen = most_specific(host, self.exported.get(namespace, {})) or {}
        return seen.get(client) or seen.get("*")


class Merger:
    """Merges rules, and returns the same object while the rules that it is made of are the same."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self._known: dict[tuple[int, ...], tuple[tuple[DestinationRule, ...], ResolvedDestinationRule]] = {}

    def merge(self, objects: Sequence[DestinationRule], root_namespace: str, export_default: tuple[str, ...]) -> DestinationRules:
        """`objects` are oldest first."""
        known, self._known = self._known, {}
        local: dict[str, dict[Host, list[DestinationRule]]] = {}
        exported: dict[str, dict[Host, list[tuple[DestinationRule, frozenset[str]]]]] = {}
        private: dict[Host, list[DestinationRule]] = {}
        selecting: dict[str, list[list[DestinationRule]]] = {}
        for rule in objects:
            namespace, host = rule.metadata.namespace, qualified(rule.spec.host, rule.metadata.namespace, self._domain)
            if rule.spec.workload_selector is not None and rule.spec.workload_selector.match_labels:
                _join(selecting.setdefault(namespace, []), rule)
                continue
            seen_by = visibility.exported(rule.spec.export_to, namespace, export_default)
            if visibility.sees(namespace, seen_by):
                local.setdefault(namespace, {}).setdefault(host, []).append(rule)
            if seen_by - {namespace}:
                exported.setdefault(namespace, {}).setdefault(host, []).append((rule, seen_by))
            elif namespace == root_namespace and seen_by:
                private.setdefault(host, []).append(rule)

        def one(rules: Sequence[DestinationRule]) -> ResolvedDestinationRule:
            key = tuple(map(id, rules))
            held = known.get(key) or self._known.get(key) or (tuple(rules), _merged(rules, self._domain))
            self._known[key] = held
            return held[1]

        def all_of(tables: Mapping[str, Mapping[Host, list[DestinationRule]]]) -> dict[str, ByHost]:
            return {namespace: {host: one(rules) for host, rules in hosts.items()} for namespace, hosts in tables.items()}

        return DestinationRules(
            root_namespace=root_namespace,
            domain=self._domain,
            local=all_of(local),
            exported={
                namespace: {host: {viewer: one(rules) for viewer, rules in _by_viewer(found).items()} for host, found in hosts.items()}
                for namespace, hosts in exported.items()
            },
            root_private={host: one(rules) for host, rules in private.items()},
            selecting={ns: tuple(one(rules) for rules in groups) for ns, groups in selecting.items()},
            labels=frozenset(label for rule in objects for label in failover_labels.of_rule(rule.spec)),
        )


def _by_viewer(rules: Sequence[tuple[DestinationRule, frozenset[str]]]) -> dict[str, list[DestinationRule]]:
    """A rule that is exported to some namespaces only adds nothing for the others."""
    viewers = {viewer for _, seen_by in rules for viewer in seen_by}
    return {viewer: [rule for rule, seen_by in rules if visibility.sees(viewer, seen_by)] for viewer in viewers}


def _join(groups: list[list[DestinationRule]], rule: DestinationRule) -> None:
    """Rules for one host that select the same workloads are merged."""
    for group in groups:
        if group[0].spec.host == rule.spec.host and group[0].spec.workload_selector == rule.spec.workload_selector:
            group.append(rule)
            return
    groups.append([rule])


def _merged(rules: Sequence[DestinationRule], domain: str) -> ResolvedDestinationRule:
    """The oldest rule's policy, or the first there is; subsets of all, the oldest of each name."""
    first = rules[0]
    subsets: dict[str, Subset] = {}
    for subset in (s for rule in rules for s in rule.spec.subsets):
        subsets.setdefault(subset.name, subset)
    spec: DestinationRuleSpec = structs.replace(
        first.spec,
        host=qualified(first.spec.host, first.metadata.namespace, domain),
        subsets=tuple(subsets.values()),
        traffic_policy=next((r.spec.traffic_policy for r in rules if r.spec.traffic_policy is not None), None),
    )
    return ResolvedDestinationRule(
        owners=tuple(ObjectKey("DestinationRule", r.metadata.namespace, r.metadata.name) for r in rules),
        api_version=first.api_version,
        namespace=Namespace(first.metadata.namespace),
        spec=spec,
    )
