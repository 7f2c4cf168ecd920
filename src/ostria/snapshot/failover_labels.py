"""Labels that failover priorities compare between a client and its endpoints: what of a client's labels makes its endpoints differ."""

from collections.abc import Iterable, Iterator

from ostria.api.networking.destination_rule import DestinationRuleSpec, LoadBalancerSettings, LocalityLoadBalancerSetting


def of_rule(spec: DestinationRuleSpec) -> Iterator[str]:
    for policy in (spec.traffic_policy, *(subset.traffic_policy for subset in spec.subsets)):
        if policy is not None:
            yield from of_balancers((policy.load_balancer, *(port.load_balancer for port in policy.port_level_settings)))


def of_balancers(balancers: Iterable[LoadBalancerSettings | None]) -> Iterator[str]:
    for balancer in balancers:
        yield from of_setting(balancer.locality_lb_setting if balancer is not None else None)


def of_setting(setting: LocalityLoadBalancerSetting | None) -> Iterator[str]:
    """An entry is a label, or `LABEL=VALUE`."""
    for entry in setting.failover_priority if setting is not None else ():
        yield entry.partition("=")[0]
