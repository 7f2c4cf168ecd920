"""The few rtnetlink requests that a mesh needs: links, addresses, routes, rules; synchronous, in the namespace that the caller stands in.

Written here rather than taken from pyroute2, whose sockets want an event loop or a process of their own: the supervisor changes its network namespace for a
few lines and must be back before anything else runs.
"""

import ipaddress
import os
import socket
import struct
from typing import Self

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NEWLINK, _DELLINK, _SETLINK, _NEWADDR, _NEWROUTE, _NEWRULE = 16, 17, 19, 20, 24, 32
_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE = 1, 4, 0x100, 0x200, 0x400
_ERROR = 2
_IFF_UP = 1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 10, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS, _IFA_NODAD = 1, 2, 8, 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_TABLE = 1, 4, 5, 15
_RTPROT_STATIC, _RT_TABLE_MAIN, _RTN_UNICAST, _RTN_LOCAL, _SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_HOST, _ONLINK = 4, 254, 1, 2, 0, 253, 254, 4
_FRA_FWMARK, _FRA_TABLE, _FR_TO_TABLE = 10, 15, 1


class Rtnetlink:
    """A socket to the kernel's network configuration in the network namespace that the calling thread is in when it is made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def add_bridge(self, name: str, hardware: bytes) -> None:
        """A bridge without an address of its own takes its ports' lowest, and another one whenever that port goes."""
        link = _text(_IFLA_IFNAME, name) + _attribute(_IFLA_ADDRESS, hardware)
        self._ask(_NEWLINK, _CREATE | _EXCL, _link() + link + _attribute(_IFLA_LINKINFO, _attribute(_INFO_KIND, b"bridge")))

    def add_veth(self, name: str, *, master: str, peer: str, peer_namespace: int, peer_hardware: bytes) -> None:
        other = _link() + _text(_IFLA_IFNAME, peer) + _number(_IFLA_NET_NS_FD, peer_namespace) + _attribute(_IFLA_ADDRESS, peer_hardware)
        info = _attribute(_INFO_KIND, b"veth") + _attribute(_INFO_DATA, _attribute(_VETH_PEER, other))
        body = _link() + _text(_IFLA_IFNAME, name) + _number(_IFLA_MASTER, socket.if_nametoindex(master)) + _attribute(_IFLA_LINKINFO, info)
        self._ask(_NEWLINK, _CREATE | _EXCL, body)

    def delete_link(self, name: str) -> None:
        self._ask(_DELLINK, 0, _link(socket.if_nametoindex(name)))

    def up(self, name: str) -> None:
        self._ask(_SETLINK, 0, _link(socket.if_nametoindex(name), _IFF_UP))

    def add_address(self, name: str, address: IpAddress, prefix: int) -> None:
        """IPv6 addresses work at once: nobody else is on the link, so there is no duplicate to detect."""
        head = struct.pack("=BBBBi", _family(address), prefix, 0, _SCOPE_UNIVERSE, socket.if_nametoindex(name))
        body = _attribute(_IFA_LOCAL, address.packed) + _attribute(_IFA_ADDRESS, address.packed) + _number(_IFA_FLAGS, _IFA_NODAD)
        self._ask(_NEWADDR, _CREATE | _REPLACE, head + body)

    def add_default_route(self, name: str, gateway: IpAddress) -> None:
        """Also where the gateway is in no network of the link's own addresses."""
        head = struct.pack("=BBBBBBBBI", _family(gateway), 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, _SCOPE_UNIVERSE, _RTN_UNICAST, _ONLINK)
        body = _number(_RTA_OIF, socket.if_nametoindex(name)) + _attribute(_RTA_GATEWAY, gateway.packed)
        self._ask(_NEWROUTE, _CREATE | _REPLACE, head + body)

    def add_link_route(self, name: str, network: IpNetwork) -> None:
        """What is in `network` is reached on this link itself."""
        family = _family(network.network_address)
        head = struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, _SCOPE_LINK, _RTN_UNICAST, 0)
        body = _attribute(_RTA_DST, network.network_address.packed) + _number(_RTA_OIF, socket.if_nametoindex(name))
        self._ask(_NEWROUTE, _CREATE | _REPLACE, head + body)

    def deliver_marked_locally(self, mark: int, table: int, family: int) -> None:
        """Packets with this mark belong to this machine, whatever their destination (transparent sockets)."""
        rule = (
            struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, _FR_TO_TABLE, 0) + _number(_FRA_FWMARK, mark) + _number(_FRA_TABLE, table)
        )
        self._ask(_NEWRULE, _CREATE | _EXCL, rule)
        route = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, _RTPROT_STATIC, _SCOPE_HOST, _RTN_LOCAL, 0)
        self._ask(_NEWROUTE, _CREATE | _REPLACE, route + _number(_RTA_TABLE, table) + _number(_RTA_OIF, socket.if_nametoindex("lo")))

    def _ask(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        self._socket.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, self._sequence, 0) + body)
        answer = self._socket.recv(65536)
        _, answered, _, _, _ = struct.unpack_from("=IHHII", answer)
        (code,) = struct.unpack_from("=i", answer, 16)
        if answered != _ERROR or code:
            raise OSError(-code, f"rtnetlink request {kind}: {os.strerror(-code)}")


def _family(address: IpAddress) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, flags)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))
