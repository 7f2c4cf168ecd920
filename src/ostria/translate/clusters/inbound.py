"""Inbound clusters: from the sidecar to its own app, one for each port that the workload serves.

The sidecar calls the address that the client dialled, from 127.0.0.6, which the capture rules let pass; or the address that the Sidecar object
names; or, where nothing is captured, the app's port on localhost.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.snapshot.view import Inbound, InboundPort, ProxyType
from ostria.translate import names
from ostria.translate.built import Built
from ostria.translate.clusters import connection_pool, metadata, sockets, stat_name
from ostria.translate.clusters.key import InboundClusterKey
from ostria.translate.clusters.protocol import HttpOptions, preserves_header_case, upstream_protocol

_UNIX = "unix://"
_ANY = ("0.0.0.0", "::")
_LOCAL = ("127.0.0.1", "::1")
_NEVER_SECONDS = 9_223_372_035
"""As long as Envoy can count: members of an inbound cluster are not cleaned up."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the app listens; `address` is a path for a Unix socket."""

    address: str
    port: int

    @property
    def is_pipe(self) -> bool:
        return self.port == 0


def keys(inbound: Inbound) -> Iterator[InboundClusterKey]:
    for port in inbound.ports:
        yield InboundClusterKey(
            mesh=inbound.mesh,
            port=port.port,
            target=port.target,
            service=port.service,
            bind=port.bind,
            others=port.others,
            connection_pool=_pool(inbound, port),
            ipv4=inbound.ipv4,
            ipv6=inbound.ipv6,
            captured=inbound.captured and port.captured,
            addresses=inbound.addresses,
            outbound_mark=inbound.outbound_mark,
        )


def _pool(inbound: Inbound, port: InboundPort) -> ConnectionPoolSettings | None:
    """The ingress listener's, then the Sidecar's for all ports, then that of the service's DestinationRule."""
    declared = port.bind or port.listen or not port.captured or port.service.owner.kind == "Sidecar"
    return (port.connection_pool or inbound.connection_pool) if declared else (inbound.connection_pool or port.connection_pool)


def build(key: InboundClusterKey) -> Built:
    cluster = Cluster(name=names.inbound_cluster(key.target))
    cluster.common_lb_config.SetInParent()
    pattern = key.mesh.config.inbound_cluster_stat_name
    cluster.alt_stat_name = (
        stat_name.patterned(pattern, key.service, key.port, target=key.target) if pattern else stat_name.delimited(cluster.name)
    )
    target = _target(key)
    if target is None:
        _original_destination(cluster, key)
    else:
        _fixed(cluster, target)
    options = HttpOptions()
    upstream_protocol(options, key.port, ProxyType.SIDECAR, preserve_case=preserves_header_case(key.mesh))
    connection_pool.apply(cluster, options, key.mesh, key.connection_pool, None)
    options.attach(cluster)
    if key.captured and (target is None or not (target.is_pipe or target.address in _LOCAL)):
        sockets.bind_inbound(cluster, ipv4=key.ipv4, ipv6=key.ipv6)
    sockets.mark(cluster, key.outbound_mark)
    metadata.describe(cluster, key.service, key.port, None, "", others=key.others)
    return Built(cluster.name, cluster, (key.service.owner,))


def _target(key: InboundClusterKey) -> Target | None:
    """None: where the client dialled."""
    if key.bind:
        return _declared(key)
    if key.captured and key.mesh.config.inbound_traffic_policy.mode != "LOCALHOST":
        return None
    return Target(_localhost(key), key.target)


def _declared(key: InboundClusterKey) -> Target | None:
    if key.bind.startswith(_UNIX):
        return Target(key.bind.removeprefix(_UNIX), 0)
    host, _, port = key.bind.rpartition(":")
    host = host.strip("[]")
    if host not in _ANY:
        return Target(host, int(port))
    if key.addresses:
        return Target(key.addresses[0], int(port))
    # The pod's own address, whichever the client dialled: only the port is another one.
    return None


def _localhost(key: InboundClusterKey) -> str:
    return _LOCAL[0] if key.ipv4 or not key.ipv6 else _LOCAL[1]


def _original_destination(cluster: Cluster, key: InboundClusterKey) -> None:
    cluster.type = Cluster.ORIGINAL_DST
    cluster.lb_policy = Cluster.CLUSTER_PROVIDED
    cluster.cleanup_interval.seconds = _NEVER_SECONDS
    if key.bind:
        cluster.original_dst_lb_config.upstream_port_override.value = int(key.bind.rpartition(":")[2])


def _fixed(cluster: Cluster, target: Target) -> None:
    cluster.type = Cluster.STATIC
    cluster.load_assignment.cluster_name = cluster.name
    address = cluster.load_assignment.endpoints.add().lb_endpoints.add().endpoint.address
    if target.is_pipe:
        address.pipe.path = target.address
    else:
        address.socket_address.address, address.socket_address.port_value = target.address, target.port
