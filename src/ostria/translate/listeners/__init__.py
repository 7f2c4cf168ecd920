"""Listeners: where connections arrive, and which filter chain takes them.

In comes a `View` (the outbound side of a sidecar, or all of a router) or an `Inbound` (the inbound side of one workload); `keys` and `inbound_keys` plan
the listeners without building anything, `build` makes one message of one key. Route configurations are named here and made by `routes`; filters, TLS
and policies come from `filters`.
"""

from typing import assert_never

from ostria.snapshot.view import Generator, ProxyType, View
from ostria.translate.built import Built
from ostria.translate.listeners import build_gateway, build_inbound, build_outbound, gateway, outbound
from ostria.translate.listeners.inbound import inbound_keys
from ostria.translate.listeners.key import GatewayKey, InboundPortKey, ListenerKey, OutboundKey, VirtualInboundKey, VirtualOutboundKey

__all__ = ["ListenerKey", "build", "inbound_keys", "keys"]


def keys(view: View) -> tuple[ListenerKey, ...]:
    """Outbound listeners of a sidecar, or all of a router; names are unique. gRPC clients have none of these."""
    if view.key.generator is Generator.GRPC:
        return ()
    return gateway.keys(view) if view.key.type is ProxyType.ROUTER else outbound.keys(view)


def build(key: ListenerKey) -> Built:
    match key:
        case VirtualOutboundKey():
            return build_outbound.virtual_outbound(key)
        case OutboundKey():
            return build_outbound.outbound(key)
        case VirtualInboundKey():
            return build_inbound.virtual_inbound(key)
        case InboundPortKey():
            return build_inbound.inbound_port(key)
        case GatewayKey():
            return build_gateway.gateway(key)
        case _:
            assert_never(key)
