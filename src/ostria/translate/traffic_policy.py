"""The traffic policy of one port of one subset, worked out of a DestinationRule.

Istio's rule: a `portLevelSettings` entry for the port replaces the whole policy around it, so what it omits falls back to defaults and not to
the level above; a subset's policy then overrides field by field.
"""

from dataclasses import dataclass

from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.api.networking.destination_rule import (
    ClientTLSSettings,
    DestinationRuleSpec,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    ProxyProtocol,
    RetryBudget,
    Subset,
    TrafficPolicy,
    TunnelSettings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Settings for one cluster; None where nobody said anything."""

    connection_pool: ConnectionPoolSettings | None = None
    load_balancer: LoadBalancerSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None

    def overridden_by(self, other: "Policy") -> "Policy":
        return Policy(
            connection_pool=other.connection_pool or self.connection_pool,
            load_balancer=other.load_balancer or self.load_balancer,
            outlier_detection=other.outlier_detection or self.outlier_detection,
            tls=other.tls or self.tls,
            tunnel=other.tunnel or self.tunnel,
            proxy_protocol=other.proxy_protocol or self.proxy_protocol,
            retry_budget=other.retry_budget or self.retry_budget,
        )


DEFAULT = Policy()


def resolve(rule: DestinationRuleSpec | None, port: int, subset: str = "") -> Policy:
    """The policy of `port`, in the subset of that name ("" for the service as a whole)."""
    if rule is None:
        return DEFAULT
    whole = _at_port(rule.traffic_policy, port)
    part = find_subset(rule, subset)
    return whole if part is None else whole.overridden_by(_at_port(part.traffic_policy, port))


def find_subset(rule: DestinationRuleSpec, name: str) -> Subset | None:
    return next((s for s in rule.subsets if s.name == name), None) if name else None


def _at_port(policy: TrafficPolicy | None, port: int) -> Policy:
    if policy is None:
        return DEFAULT
    own = next((p for p in policy.port_level_settings if p.port is not None and p.port.number == port), None)
    return _of_service(policy) if own is None else _of_port(own)


def _of_service(policy: TrafficPolicy) -> Policy:
    return Policy(
        connection_pool=policy.connection_pool,
        load_balancer=policy.load_balancer,
        outlier_detection=policy.outlier_detection,
        tls=policy.tls,
        tunnel=policy.tunnel,
        proxy_protocol=policy.proxy_protocol,
        retry_budget=policy.retry_budget,
    )


def _of_port(policy: PortTrafficPolicy) -> Policy:
    return Policy(
        connection_pool=policy.connection_pool,
        load_balancer=policy.load_balancer,
        outlier_detection=policy.outlier_detection,
        tls=policy.tls,
    )
