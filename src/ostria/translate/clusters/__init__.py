"""Clusters: a view's services and rules come in, Envoy clusters go out; the inbound side of a workload likewise.

`keys` says what there shall be, `build` makes one of it. Endpoints of EDS clusters are served apart, see `translate.endpoints`.
"""

from typing import assert_never

from ostria.snapshot.view import Inbound, ProxyType, View
from ostria.translate.built import Built
from ostria.translate.clusters import inbound, outbound, sni, standing
from ostria.translate.clusters.eds import endpoint_keys
from ostria.translate.clusters.key import AnyClusterKey, Client, ClusterKey, InboundClusterKey, StandingClusterKey

__all__ = [
    "AnyClusterKey",
    "Client",
    "ClusterKey",
    "InboundClusterKey",
    "StandingClusterKey",
    "build",
    "endpoint_keys",
    "inbound_keys",
    "keys",
]


def keys(view: View) -> tuple[AnyClusterKey, ...]:
    """Services first, in their order; names are unique."""
    chosen_by_sni = sni.keys(view) if view.key.type is ProxyType.ROUTER else ()
    return (*outbound.keys(view), *chosen_by_sni, *standing.keys(view))


def inbound_keys(workload: Inbound) -> tuple[AnyClusterKey, ...]:
    return (*inbound.keys(workload), standing.inbound_key(workload))


def build(key: AnyClusterKey) -> Built:
    """Raise ValueError where the settings of a cluster contradict each other."""
    match key:
        case ClusterKey():
            return outbound.build(key)
        case InboundClusterKey():
            return inbound.build(key)
        case StandingClusterKey():
            return standing.build(key)
        case _:
            assert_never(key)
