"""The endpoint assignments that EDS clusters ask for, as keys."""

from collections.abc import Iterable, Iterator

from ostria.snapshot.view import View
from ostria.translate.clusters.discovery import Discovery
from ostria.translate.clusters.key import AnyClusterKey, ClusterKey
from ostria.translate.clusters.outbound import discovery_of, name_of, policy_of, subset_of
from ostria.translate.endpoints import Balance, EndpointsKey
from ostria.translate.proximity import proximity


def endpoint_keys(view: View, clusters: Iterable[AnyClusterKey]) -> Iterator[EndpointsKey]:
    """One for each EDS cluster among `clusters`."""
    for key in clusters:
        if isinstance(key, ClusterKey) and discovery_of(key) is Discovery.EDS:
            yield endpoints_key(view, key)


def endpoints_key(view: View, key: ClusterKey) -> EndpointsKey:
    client = proximity(view, key.service, policy_of(key))
    subset = subset_of(key)
    return EndpointsKey(
        name=name_of(key),
        service=key.service,
        endpoints=view.endpoints(key.service, key.port),
        labels=tuple(sorted(subset.labels.items())) if subset is not None else (),
        rule_owner=key.rule.owners[0] if key.rule is not None and subset is not None else None,
        node=view.key.node if key.service.internal_traffic_local else "",
        balance=None if client is None else Balance(mesh=key.client.mesh, rule=key.rule, subset=key.subset, client=client),
    )
