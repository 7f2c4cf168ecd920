"""Locality load balancing: where traffic of which region goes."""

from collections.abc import Iterator

from ostria.api.networking.destination_rule import Distribute, LocalityLoadBalancerSetting, OutlierDetection
from ostria.api.problem import Issue
from ostria.config.validate.names import under, warning


def locality_issues(setting: LocalityLoadBalancerSetting | None, outlier: OutlierDetection | None) -> Iterator[Issue]:
    if setting is None:
        return
    if setting.distribute and (setting.failover or setting.failover_priority):
        yield Issue((), "distribute and failover exclude each other")
    if setting.failover and setting.failover_priority and not all("/" not in p for p in setting.failover_priority):
        yield Issue(("failoverPriority",), "failover and failoverPriority can't both name localities")
    for index, distribute in enumerate(setting.distribute):
        yield from under(("distribute", index), _distribution(distribute))
    yield from _overlaps(tuple(d.from_ or "" for d in setting.distribute))
    for index, failover in enumerate(setting.failover):
        for end, region in (("from", failover.from_ or ""), ("to", failover.to or "")):
            if "/" in region or "*" in region:
                yield Issue(
                    ("failover", index, end),
                    f"{region!r} is not a region",
                    "failover goes from region to region; zones need failoverPriority",
                )
        if failover.from_ == failover.to:
            yield Issue(("failover", index), "failover goes to another region than it comes from")
    if (setting.failover or setting.failover_priority) and outlier is None:
        yield warning(
            (), "without outlierDetection nobody notices that it is time to fail over", "add outlierDetection to the traffic policy"
        )


def _distribution(distribute: Distribute) -> Iterator[Issue]:
    yield from _locality(distribute.from_ or "", "from")
    for locality, weight in distribute.to.items():
        yield from _locality(locality, "to")
        if not 1 <= weight <= 100:
            yield Issue(("to", locality), f"the weight {weight} is not between 1 and 100")
    if sum(distribute.to.values()) != 100:
        yield Issue(("to",), f"the weights add up to {sum(distribute.to.values())}, not to 100")
    yield from under(("to",), _overlaps(tuple(distribute.to)))


def _locality(locality: str, field: str) -> Iterator[Issue]:
    parts = locality.split("/")
    if (
        not locality
        or len(parts) > 3
        or not all(parts)
        or any("*" in part for part in parts[:-1])
        or ("*" in parts[-1] and parts[-1] != "*")
    ):
        yield Issue((field,), f"{locality!r} is not a locality", "write region, region/zone or region/zone/subzone; the last part may be *")


def _overlaps(localities: tuple[str, ...]) -> Iterator[Issue]:
    """One place must not be named twice, as itself or within another."""
    for index, one in enumerate(localities):
        for other in localities[index + 1 :]:
            a, b = one.removesuffix("/*") if one != "*" else "", other.removesuffix("/*") if other != "*" else ""
            if a == b or not a or not b or a.startswith(b + "/") or b.startswith(a + "/"):
                yield Issue((), f"{one!r} and {other!r} overlap")
