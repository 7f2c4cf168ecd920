"""TCP proxying: one cluster or several by weight, with what a DestinationRule says about connections."""

from collections.abc import Iterable
from dataclasses import dataclass

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.type.v3.hash_policy_pb2 import HashPolicy

from ostria.translate.filters.proto import nanoseconds, pack

NAME = "envoy.filters.network.tcp_proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """Connections leave inside an HTTP CONNECT (or POST) to `authority`."""

    authority: str
    post: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpRoute:
    """Where connections of a filter chain go: (cluster, weight). Times are nanoseconds; None leaves Envoy's default (idle: one hour)."""

    stat_prefix: str
    targets: tuple[tuple[str, int], ...]
    idle_timeout: int | None = None
    max_duration: int | None = None
    hash_source_ip: bool = False
    tunnel: Tunnel | None = None
    dynamic_port: int = 0
    """The cluster resolves the name that TLS asks for, and dials this port of it; 0 where it doesn't."""

    @property
    def clusters(self) -> tuple[str, ...]:
        return tuple(cluster for cluster, _ in self.targets)


def to_cluster(cluster: str, stat_prefix: str = "") -> TcpRoute:
    return TcpRoute(stat_prefix=stat_prefix or cluster, targets=((cluster, 1),))


def tcp_proxy(route: TcpRoute, access_log: Iterable[AccessLog], *, discovery: TcpProxy.OnDemand | None = None) -> Filter:
    """`discovery`: how to ask for a cluster that isn't there when a connection comes."""
    proxy = TcpProxy(stat_prefix=route.stat_prefix, access_log=access_log, on_demand=discovery)
    if len(route.targets) == 1:
        proxy.cluster = route.targets[0][0]
    else:
        weighted = [TcpProxy.WeightedCluster.ClusterWeight(name=cluster, weight=weight) for cluster, weight in route.targets]
        proxy.weighted_clusters.clusters.extend(weighted)
    if route.idle_timeout is not None:
        proxy.idle_timeout.CopyFrom(nanoseconds(route.idle_timeout))
    if route.max_duration is not None:
        proxy.max_downstream_connection_duration.CopyFrom(nanoseconds(route.max_duration))
    if route.hash_source_ip:
        proxy.hash_policy.append(HashPolicy(source_ip=HashPolicy.SourceIp()))
    if route.tunnel is not None:
        proxy.tunneling_config.CopyFrom(TcpProxy.TunnelingConfig(hostname=route.tunnel.authority, use_post=route.tunnel.post))
    return Filter(name=NAME, typed_config=pack(proxy))
