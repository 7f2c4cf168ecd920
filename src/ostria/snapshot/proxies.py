"""A connected proxy, completed: which workload it stands beside, and so its labels, identity and place."""

from collections.abc import Mapping
from dataclasses import replace

from ostria.api.meta import ObjectKey
from ostria.registry.model import Locality, Workload
from ostria.snapshot.view import Proxy
from ostria.snapshot.world import World


def complete(claims: Proxy, workload: Workload | None) -> Proxy:
    """`claims` with what the registry knows. Of an authenticated proxy nothing but its addresses and abilities is believed."""
    if workload is None:
        return replace(claims, workload=None, labels={}, locality=Locality(), network="", node="") if claims.authenticated else claims
    return replace(
        claims,
        workload=workload,
        labels=workload.labels,
        service_account=workload.service_account or claims.service_account,
        locality=workload.locality if any(workload.locality) or claims.authenticated else claims.locality,
        network=workload.network or ("" if claims.authenticated else claims.network),
        node=workload.node or ("" if claims.authenticated else claims.node),
        addresses=_addresses(workload, claims),
    )


def find(world: World, claims: Proxy) -> Workload | None:
    """By name, or by address, within the proxy's own namespace; a proved identity must be the workload's."""
    for workload in _candidates(world, claims):
        if workload.namespace != claims.namespace:
            continue
        if not claims.authenticated or (workload.service_account or "default") == claims.service_account:
            return workload
    return None


def _candidates(world: World, claims: Proxy) -> list[Workload]:
    names = (ObjectKey(kind, claims.namespace, claims.name) for kind in ("Pod", "WorkloadEntry"))
    keys = (*names, *(key for address in claims.addresses for key in world.addresses.get(address, ())))
    return [workload for key in keys if (workload := world.workloads.get(key)) is not None]


def _addresses(workload: Workload, claims: Proxy) -> tuple[str, ...]:
    """The registry's, where it is sure: a WorkloadEntry may be known by a name or by one address of several."""
    return workload.addresses if claims.authenticated and workload.owner.kind == "Pod" else claims.addresses or workload.addresses


def matching_labels(labels: Mapping[str, str], asked: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in labels.items() if name in asked))
