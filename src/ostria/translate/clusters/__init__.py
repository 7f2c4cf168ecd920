"""Clusters: a view's services and rules come in, Envoy clusters go out; the inbound side of a workload likewise.

`keys` says what there shall be, `build` makes one of it. Endpoints of EDS clusters are served apart, see `translate.endpoints`.
"""

from typing import assert_never

from ostria.api.meta import ObjectKey
from ostria.registry.model import Service
from ostria.snapshot.view import Inbound, View
from ostria.translate.built import Built
from ostria.translate.clusters import inbound, outbound, sni, standing
from ostria.translate.clusters.eds import endpoint_keys
from ostria.translate.clusters.key import AnyClusterKey, Client, ClusterKey, InboundClusterKey, StandingClusterKey
from ostria.translate.clusters.outbound import client_of
from ostria.translate.clusters.sni import passes_through
from ostria.translate.names import inbound_cluster

__all__ = [
    "AnyClusterKey",
    "Client",
    "ClusterKey",
    "InboundClusterKey",
    "StandingClusterKey",
    "build",
    "client_of",
    "endpoint_keys",
    "inbound_keys",
    "keys",
    "name_of",
    "origins_of",
    "passes_through",
    "service_keys",
]


def keys(view: View) -> tuple[AnyClusterKey, ...]:
    """Services first, in their order; names are unique."""
    services = tuple(outbound.keys(view))
    return (*services, *(sni.twins(services) if passes_through(view) else ()), *standing.keys(view))


def service_keys(view: View, client: Client, service: Service) -> tuple[ClusterKey, ...]:
    """Those of `keys` that are about one service."""
    own = tuple(outbound.service_keys(view, client, service, view.destination_rule(service.host)))
    return (*own, *sni.twins(own)) if passes_through(view) else own


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


def name_of(key: AnyClusterKey) -> str:
    match key:
        case ClusterKey():
            return outbound.name_of(key)
        case InboundClusterKey():
            return inbound_cluster(key.target)
        case StandingClusterKey():
            return key.name
        case _:
            assert_never(key)


def origins_of(key: AnyClusterKey) -> tuple[ObjectKey, ...]:
    """The objects that a cluster comes from, whether it can be built or not."""
    match key:
        case ClusterKey():
            return outbound.origins_of(key)
        case InboundClusterKey():
            return (key.service.owner,)
        case StandingClusterKey():
            return ()
        case _:
            assert_never(key)
