"""Clusters that a proxy has whatever its services are: to where the client dialled, to the app on any port, and to nowhere."""

from collections.abc import Iterator

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from ostria.snapshot.view import Inbound, ProxyType, View
from ostria.translate import names
from ostria.translate.built import Built
from ostria.translate.clusters import connection_pool, dns, sockets, stat_name
from ostria.translate.clusters.key import StandingClusterKey
from ostria.translate.clusters.protocol import HttpOptions
from ostria.translate.scalars import duration, seconds

_IDLE_SECONDS = 300


def keys(view: View) -> Iterator[StandingClusterKey]:
    """A router has no original destination to pass on to."""
    every = (names.BLACK_HOLE_CLUSTER,) if view.key.type is ProxyType.ROUTER else (names.BLACK_HOLE_CLUSTER, names.PASSTHROUGH_CLUSTER)
    for name in every:
        key = view.key
        yield StandingClusterKey(
            name=name, mesh=view.mesh, captured=key.captured, ipv4=key.ipv4, ipv6=key.ipv6, outbound_mark=key.outbound_mark
        )


def inbound_key(inbound: Inbound) -> StandingClusterKey:
    return StandingClusterKey(
        name=names.INBOUND_PASSTHROUGH_CLUSTER,
        mesh=inbound.mesh,
        captured=inbound.captured,
        ipv4=inbound.ipv4,
        ipv6=inbound.ipv6,
        outbound_mark=inbound.outbound_mark,
    )


def build(key: StandingClusterKey) -> Built:
    cluster = Cluster(name=key.name, alt_stat_name=stat_name.delimited(key.name))
    if key.name == names.BLACK_HOLE_CLUSTER:
        cluster.type = Cluster.STATIC
        cluster.connect_timeout.CopyFrom(duration(key.mesh.config.connect_timeout))
        return Built(key.name, cluster)
    options = HttpOptions(_idle())
    if key.name == names.PASSTHROUGH_CLUSTER and not key.captured:
        # What the client dialled is the proxy itself; where it wants to go, its request says.
        dns.dynamic(cluster, options, key.mesh, None, dns.Families(key.ipv4, key.ipv6))
    else:
        cluster.type = Cluster.ORIGINAL_DST
        cluster.lb_policy = Cluster.CLUSTER_PROVIDED
    options.as_downstream()
    connection_pool.apply(cluster, options, key.mesh, None, None)
    options.attach(cluster)
    if key.name == names.INBOUND_PASSTHROUGH_CLUSTER:
        sockets.bind_inbound(cluster, ipv4=key.ipv4, ipv6=key.ipv6)
    sockets.mark(cluster, key.outbound_mark)
    return Built(key.name, cluster)


def _idle() -> HttpProtocolOptions:
    options = HttpProtocolOptions()
    options.common_http_protocol_options.idle_timeout.CopyFrom(seconds(_IDLE_SECONDS))
    return options
