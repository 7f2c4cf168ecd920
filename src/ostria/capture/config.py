"""What is captured, as data: the one input of `rules`, filled from defaults, node settings and pod annotations."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

OUTBOUND_PORT = 15001
INBOUND_PORT = 15006
TUNNEL_PORT = 15008
DNS_PORT = 15053
NEVER_INBOUND = (15090, 15021, 15020)
"""Ports of Envoy and the agent themselves: probes and scrapes reach them directly."""

INBOUND_SOURCES = {4: "127.0.0.6", 6: "::6"}
"""Where Envoy calls the app from, so that such a call is not captured again. IPv6 has no loopback network: a namespace must be given the address."""

PROXY_ID = 1337
"""UID and GID of Envoy and the agent; as a mark, what tells Envoy's sockets where one UID is all there is."""


class InterceptionMode(StrEnum):
    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


class Destination(NamedTuple):
    """An address, or CIDR, and optionally a port that is never captured."""

    address: str
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureConfig:
    """Ports and ranges: None stands for all (`*`), an empty tuple for none.

    Proxy traffic is told by `envoy_uid` and `envoy_gid`, or by `envoy_mark` alone where app and proxy share their one UID (rootless). By mark, only
    Envoy's sockets and the agent's DNS sockets are told; the agent's connection to the control plane goes into `exclude_destinations`.
    """

    mode: InterceptionMode = InterceptionMode.REDIRECT
    envoy_uid: int | None = PROXY_ID
    envoy_gid: int | None = PROXY_ID
    envoy_mark: int | None = None
    include_inbound_ports: tuple[int, ...] | None = None
    exclude_inbound_ports: tuple[int, ...] = ()
    include_outbound_ports: tuple[int, ...] = ()
    exclude_outbound_ports: tuple[int, ...] = ()
    include_outbound_ranges: tuple[str, ...] | None = None
    exclude_outbound_ranges: tuple[str, ...] = ()
    exclude_destinations: tuple[Destination, ...] = ()
    exclude_interfaces: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    """Resolvers whose traffic (port 53, UDP and TCP) goes to the agent; DNS is captured when there is one."""
    ipv6: bool = True
    drop_invalid: bool = False

    def __post_init__(self) -> None:
        if self.envoy_mark is None and self.envoy_uid is None and self.envoy_gid is None:
            raise ValueError("capture needs a way to tell the proxy's own traffic: envoy_uid, envoy_gid or envoy_mark")
        if self.envoy_mark is not None and self.mode is InterceptionMode.TPROXY:
            raise ValueError(
                "TPROXY marks packets itself, so the proxy needs a UID of its own there: use REDIRECT where only a mark tells it"
            )
