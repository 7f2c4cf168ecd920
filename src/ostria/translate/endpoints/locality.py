"""localityLbSetting: traffic stays near its client, or is spread over localities in given shares.

Failover between localities works only with outlier detection, because without it the proxy never learns that the near endpoints fail; so, as in
Istio, without it endpoints stay in one priority.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from envoy.config.endpoint.v3.endpoint_components_pb2 import LocalityLbEndpoints

from ostria.api.networking.destination_rule import Distribute, Failover, LoadBalancerSettings
from ostria.registry.model import Endpoint, Locality, Service
from ostria.snapshot.view import Mesh

REGION, ZONE, SUB_ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"
NETWORK, CLUSTER, HOSTNAME = "topology.istio.io/network", "topology.istio.io/cluster", "kubernetes.io/hostname"

_NEAR = {
    "PreferClose": (NETWORK, REGION, ZONE, SUB_ZONE),
    "PreferSameZone": (NETWORK, REGION, ZONE),
    "PreferSameNode": (NETWORK, REGION, ZONE, SUB_ZONE, HOSTNAME),
}
"""trafficDistribution of a Service, as priorities."""

_FAILOVER_LEVELS = 5
_OTHER_REGION = 3
_NOT_CHOSEN = 4


class Proximity(NamedTuple):
    """Where the client stands; in a key only if the load balancing of that service asks for it."""

    locality: Locality
    labels: tuple[tuple[str, str], ...]
    """Those of the client's labels that priorities compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalityBalancing:
    """The setting that applies to one cluster, if any does."""

    distribute: tuple[Distribute, ...] = ()
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    fails_over: bool

    @property
    def weighs(self) -> bool:
        """Envoy shall share out requests by the weights of localities first, then within one."""
        return bool(self.distribute or (self.fails_over and (self.failover or self.failover_priority)))

    @property
    def priority_labels(self) -> frozenset[str]:
        return frozenset(label.partition("=")[0] for label in self.failover_priority)


def locality_balancing(
    mesh: Mesh, settings: LoadBalancerSettings | None, service: Service, *, outlier_detection: bool
) -> LocalityBalancing | None:
    """A rule's own setting replaces the service's, which replaces the mesh's; `enabled: false` switches it off."""
    own = settings.locality_lb_setting if settings is not None else None
    near = _NEAR.get(service.traffic_distribution, ())
    if own is None and near:
        return LocalityBalancing(failover_priority=near, fails_over=True)
    chosen = own if own is not None else mesh.config.locality_lb_setting
    if chosen is None or chosen.enabled is False or not (chosen.distribute or outlier_detection):
        return None
    return LocalityBalancing(
        distribute=chosen.distribute,
        failover=chosen.failover,
        failover_priority=chosen.failover_priority,
        fails_over=outlier_detection,
    )


def topology(labels: Mapping[str, str], locality: Locality, *, network: str, cluster: str, node: str) -> dict[str, str]:
    """Labels with the places added that Istio knows as labels."""
    places = {
        REGION: locality.region,
        ZONE: locality.zone,
        SUB_ZONE: locality.sub_zone,
        NETWORK: network,
        CLUSTER: cluster,
        HOSTNAME: node,
    }
    return {**labels, **{label: place for label, place in places.items() if place}}


def arrange(
    groups: Sequence[LocalityLbEndpoints], origin: Sequence[Sequence[Endpoint]], balancing: LocalityBalancing, client: Proximity
) -> list[LocalityLbEndpoints]:
    """Give the groups (one a locality; `origin` are their endpoints) weights or priorities as seen from `client`."""
    if balancing.distribute:
        return _distribute(groups, balancing.distribute, client.locality)
    if not balancing.fails_over:
        return list(groups)
    arranged = list(groups)
    if balancing.failover_priority:
        arranged = _by_labels(groups, origin, balancing.failover_priority, dict(client.labels))
    if balancing.failover or not balancing.failover_priority:
        _by_distance(arranged, balancing.failover, client.locality)
    _close_gaps(arranged)
    return arranged


def matches(locality: Locality, pattern: str) -> bool:
    """`region/zone/subzone`; a part that is missing or `*` matches all."""
    parts = [*pattern.split("/"), "", ""][:3]
    return all(part in ("*", "") or part == own for part, own in zip(parts, locality, strict=True))


def _of(group: LocalityLbEndpoints) -> Locality:
    return Locality(group.locality.region, group.locality.zone, group.locality.sub_zone)


def _distribute(groups: Sequence[LocalityLbEndpoints], shares: Iterable[Distribute], client: Locality) -> list[LocalityLbEndpoints]:
    """The first entry whose `from` fits the client says which localities get what; those it doesn't name get nothing."""
    entry = next((d for d in shares if matches(client, d.from_ or "*")), None)
    if entry is None:
        return list(groups)
    rest = list(groups)
    for pattern, share in entry.to.items():
        named = [group for group in rest if matches(_of(group), pattern)]
        rest = [group for group in rest if group not in named]
        weights = [group.load_balancing_weight.value or 1 for group in named]
        for group, weight in zip(named, weights, strict=True):
            group.load_balancing_weight.value = ceil(weight * share / sum(weights))
    for group in rest:
        del group.lb_endpoints[:]
    return [group for group in groups if group.lb_endpoints]


def _by_distance(groups: Iterable[LocalityLbEndpoints], failover: Sequence[Failover], client: Locality) -> None:
    """Same sub-zone, zone, region, elsewhere; elsewhere is split where `failover` names the region to go to."""
    chosen = next((f.to for f in failover if f.from_ == client.region), None)
    for group in groups:
        distance = _distance(client, _of(group))
        if distance == _OTHER_REGION and chosen is not None and group.locality.region != chosen:
            distance = _NOT_CHOSEN
        group.priority = group.priority * _FAILOVER_LEVELS + distance


def _distance(client: Locality, other: Locality) -> int:
    same = 0
    for own, theirs in zip(client, other, strict=True):
        if own != theirs:
            break
        same += 1
    return len(client) - same


def _by_labels(
    groups: Sequence[LocalityLbEndpoints], origin: Sequence[Sequence[Endpoint]], labels: Sequence[str], client: Mapping[str, str]
) -> list[LocalityLbEndpoints]:
    """Endpoints that share more leading labels with the client come first; a group is split where its endpoints differ."""
    arranged = []
    for group, endpoints in zip(groups, origin, strict=True):
        ranks = [_rank(endpoint, labels, client) for endpoint in endpoints]
        for rank in sorted(set(ranks)):
            part = LocalityLbEndpoints(locality=group.locality, priority=rank)
            part.lb_endpoints.extend(member for member, own in zip(group.lb_endpoints, ranks, strict=True) if own == rank)
            part.load_balancing_weight.value = sum(member.load_balancing_weight.value for member in part.lb_endpoints)
            arranged.append(part)
    return arranged


def _rank(endpoint: Endpoint, labels: Sequence[str], client: Mapping[str, str]) -> int:
    """0 where all labels agree; the earlier the first difference, the higher. `label=value` asks for that value instead of the client's."""
    workload = endpoint.workload
    own = topology(
        endpoint.labels,
        endpoint.locality,
        network=endpoint.network,
        cluster=workload.cluster if workload is not None else "",
        node=endpoint.node,
    )
    for position, label in enumerate(labels):
        name, fixed, value = label.partition("=")
        if own.get(name, "") != (value if fixed else client.get(name, "")):
            return len(labels) - position
    return 0


def _close_gaps(groups: Sequence[LocalityLbEndpoints]) -> None:
    """Envoy wants priorities 0, 1, 2 … without holes."""
    ranks = {priority: rank for rank, priority in enumerate(sorted({group.priority for group in groups}))}
    for group in groups:
        group.priority = ranks[group.priority]
