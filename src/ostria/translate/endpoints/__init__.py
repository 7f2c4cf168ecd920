"""Endpoints: a view's EDS clusters come in, one ClusterLoadAssignment each goes out.

A key holds an `EndpointSet` (one object per content), so a change of endpoints rebuilds the assignments of that service port and no other. What
depends on where the client stands is in the key only where the load balancing asks for it: otherwise all clients share the bytes.
"""

from dataclasses import dataclass

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from ostria.api.meta import ObjectKey
from ostria.registry.model import EndpointSet, Service
from ostria.snapshot.view import Mesh, ResolvedDestinationRule
from ostria.translate.built import Built
from ostria.translate.endpoints.assignment import eligible, localities
from ostria.translate.endpoints.locality import Proximity, locality_balancing
from ostria.translate.traffic_policy import resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The load balancing of one cluster as one client sees it; resolved again by the builder, because settings don't hash."""

    mesh: Mesh
    rule: ResolvedDestinationRule | None
    subset: str
    client: Proximity


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointsKey:
    """The assignment of one EDS cluster."""

    name: str
    service: Service
    endpoints: EndpointSet
    labels: tuple[tuple[str, str], ...] = ()
    """The subset's."""
    rule_owner: ObjectKey | None = None
    node: str = ""
    """The client's, where only endpoints on the same node count."""
    balance: Balance | None = None


def build(key: EndpointsKey) -> Built:
    assignment = ClusterLoadAssignment(cluster_name=key.name)
    members = eligible(key.endpoints.endpoints, key.service, dict(key.labels), key.node)
    balance = key.balance
    if balance is None:
        groups = localities(members, None, None)
    else:
        policy = resolve(balance.rule.spec if balance.rule is not None else None, key.endpoints.port.number, balance.subset)
        balancing = locality_balancing(
            balance.mesh, policy.load_balancer, key.service, outlier_detection=policy.outlier_detection is not None
        )
        groups = localities(members, balancing, balance.client)
    assignment.endpoints.extend(groups)
    return Built(key.name, assignment, (key.service.owner, *([key.rule_owner] if key.rule_owner is not None else ())))
