"""Links and addresses of the mesh: one bridge, and for each pod a namespace with one end of a veth pair.

Pods have host routes only (/32, /128) and reach everything, each other too, through the bridge's address: so the rules that turn a Service's virtual address
into a pod's (`service_rules`) see both directions of every connection, in one place.
"""

import ipaddress
import os
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from ostria.capture.config import INBOUND_SOURCES
from ostria.local.kernel.namespaces import Home
from ostria.local.kernel.rtnetlink import Rtnetlink

BRIDGE = "mesh0"
POD_NETWORKS = (ipaddress.IPv4Network("10.244.0.0/16"), ipaddress.IPv6Network("fd00:10:244::/64"))
SERVICE_NETWORKS = (ipaddress.IPv4Network("10.96.0.0/16"), ipaddress.IPv6Network("fd00:10:96::/112"))
GATEWAYS = (IPv4Address("10.244.0.1"), IPv6Address("fd00:10:244::1"))

_EVERY = {"net/ipv4/ip_unprivileged_port_start": "0"}
_PING = "net/ipv4/ping_group_range"
_IPV6_AT_ONCE = {
    f"net/ipv6/conf/{which}/{name}": "0" for which in ("all", "default") for name in ("accept_dad", "accept_ra", "dad_transmits")
}
_BRIDGE = {
    **{
        f"net/ipv4/conf/{which}/{name}": "0" for which in ("all", "default") for name in ("rp_filter", "send_redirects", "accept_redirects")
    },
    "net/ipv4/ip_forward": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a pod is reached at; `ipv6` is None where the machine has no IPv6."""

    ipv4: IPv4Address
    ipv6: IPv6Address | None

    def texts(self) -> tuple[str, ...]:
        return (str(self.ipv4),) if self.ipv6 is None else (str(self.ipv4), str(self.ipv6))


def hardware_address(address: IPv4Address) -> bytes:
    """The same for the same address, so that what neighbours remember of a pod, or of the bridge, is never wrong."""
    return b"\x02\0" + address.packed


def has_ipv6() -> bool:
    return os.path.exists("/proc/sys/net/ipv6")


class Network:
    """Makes and removes the pods' namespaces. Every method is synchronous and returns in the mesh's own namespace."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._count = 0

    def start(self) -> None:
        _let_everybody_ping()
        _set(_EVERY | _BRIDGE | (_IPV6_AT_ONCE | {"net/ipv6/conf/all/forwarding": "1"} if has_ipv6() else {}))
        with Rtnetlink() as kernel:
            kernel.up("lo")
            kernel.add_bridge(BRIDGE, hardware_address(GATEWAYS[0]))
            kernel.add_address(BRIDGE, GATEWAYS[0], POD_NETWORKS[0].prefixlen)
            if has_ipv6():
                kernel.add_address(BRIDGE, GATEWAYS[1], POD_NETWORKS[1].prefixlen)
            kernel.up(BRIDGE)

    def add(self, addresses: Addresses) -> int:
        """A namespace for one pod, connected and with its addresses; its descriptor keeps it alive."""
        self._count += 1
        end = f"pod{self._count}"
        namespace = self._home.new_network()
        with Rtnetlink() as kernel:
            kernel.add_veth(end, master=BRIDGE, peer="eth0", peer_namespace=namespace, peer_hardware=hardware_address(addresses.ipv4))
            kernel.up(end)
        with self._home.inside(namespace), Rtnetlink() as kernel:
            _let_everybody_ping()
            _set(_EVERY | (_IPV6_AT_ONCE if has_ipv6() else {}))
            kernel.up("lo")
            kernel.add_address("eth0", addresses.ipv4, 32)
            if addresses.ipv6 is not None:
                kernel.add_address("eth0", addresses.ipv6, 128)
                kernel.add_address("lo", IPv6Address(INBOUND_SOURCES[6]), 128)
            kernel.up("eth0")
            kernel.add_default_route("eth0", GATEWAYS[0])
            if addresses.ipv6 is not None:
                kernel.add_default_route("eth0", GATEWAYS[1])
        return namespace

    def accept_foreign_sources(self, namespace: int, mark: int) -> None:
        """Let marked sockets in the namespace use addresses that are not its own: callers' addresses, on the way to a local port."""
        with self._home.inside(namespace), Rtnetlink() as kernel:
            _set(
                {
                    "net/ipv4/tcp_fwmark_accept": "1",
                    **{f"net/ipv4/conf/{which}/rp_filter": "0" for which in ("all", "default", "lo", "eth0")},
                }
            )
            for family in (socket.AF_INET, socket.AF_INET6) if has_ipv6() else (socket.AF_INET,):
                kernel.deliver_marked_locally(mark, 100, family)


def _let_everybody_ping() -> None:
    """The kernel takes only groups that the user namespace maps."""
    try:
        _set({_PING: "0 2147483647"})
    except OSError:
        _set({_PING: "0 0"})


def _set(values: dict[str, str]) -> None:
    for name, value in values.items():
        with open(f"/proc/sys/{name}", "w") as file:
            file.write(value)
