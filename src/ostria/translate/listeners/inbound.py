"""Which inbound listeners a workload needs."""

from ostria.snapshot.view import Inbound, InboundPort
from ostria.translate.listeners.address import wildcards
from ostria.translate.listeners.key import InboundPortKey, VirtualInboundKey


def inbound_keys(inbound: Inbound) -> tuple[VirtualInboundKey | InboundPortKey, ...]:
    """Captured: one for everything, and ports that a Sidecar binds itself. Not captured: every port on the workload's own address."""
    opened = tuple(_opened(inbound, p) for p in inbound.ports if not (inbound.captured and p.captured))
    return (VirtualInboundKey(inbound=inbound), *opened) if inbound.captured else opened


def _opened(inbound: Inbound, port: InboundPort) -> InboundPortKey:
    """Never the wildcard where nothing is captured: the app listens on the same port of localhost."""
    own = (port.listen,) if port.listen else inbound.addresses
    return InboundPortKey(inbound=inbound, port=port, addresses=own or wildcards(ipv4=inbound.ipv4, ipv6=inbound.ipv6))
