"""How upstream sockets are made: from which address, and with which mark.

Where capture rules can't tell Envoy's own traffic by its user id, the mark tells it; without it Envoy's connections would be sent back to Envoy.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.socket_option_pb2 import SocketOption

INBOUND_IPV4 = "127.0.0.6"
INBOUND_IPV6 = "::6"
"""The sidecar calls its app from these: the rules let them pass, so such a call is not captured again."""

_SOL_SOCKET = 1
_SO_MARK = 36


def mark(cluster: Cluster, value: int) -> None:
    if value:
        cluster.upstream_bind_config.socket_options.add(
            description="capture mark", level=_SOL_SOCKET, name=_SO_MARK, int_value=value, state=SocketOption.STATE_PREBIND
        )


def bind_inbound(cluster: Cluster, *, ipv4: bool, ipv6: bool) -> None:
    """An address per family: Envoy takes the one that fits the destination."""
    sources = [address for address, wanted in ((INBOUND_IPV4, ipv4 or not ipv6), (INBOUND_IPV6, ipv6)) if wanted]
    source = cluster.upstream_bind_config.source_address
    source.address, source.port_value = sources[0], 0
    for extra in sources[1:]:
        address = cluster.upstream_bind_config.extra_source_addresses.add().address
        address.address, address.port_value = extra, 0
