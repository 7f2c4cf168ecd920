"""Addresses in listeners: sockets, Unix paths, prefixes, and which of them one proxy can use."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from envoy.config.core.v3.address_pb2 import Address, CidrRange, Pipe, SocketAddress
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener

from ostria.translate.filters.proto import number

ANY_V4 = "0.0.0.0"
ANY_V6 = "::"
LOCAL_V4 = "127.0.0.1"
LOCAL_V6 = "::1"
_UNIX = "unix://"


def is_unix(address: str) -> bool:
    return address.startswith(_UNIX)


def is_any(address: str) -> bool:
    return address in (ANY_V4, ANY_V6)


def is_prefix(address: str) -> bool:
    return "/" in address and not is_unix(address)


def wildcards(*, ipv4: bool, ipv6: bool) -> tuple[str, ...]:
    """`0.0.0.0`, `::` or both; IPv4 first, because it names the listener."""
    return tuple(a for a, wanted in ((ANY_V4, ipv4 or not ipv6), (ANY_V6, ipv6)) if wanted)


def loopbacks(*, ipv4: bool, ipv6: bool) -> tuple[str, ...]:
    return tuple(a for a, wanted in ((LOCAL_V4, ipv4 or not ipv6), (LOCAL_V6, ipv6)) if wanted)


def usable(addresses: Iterable[str], *, ipv4: bool, ipv6: bool) -> tuple[str, ...]:
    """The IPs and prefixes of the families that the proxy has; host names are none."""
    return tuple(a for a in addresses if (v := family(a)) is not None and (ipv4 if v == 4 else ipv6))


@lru_cache(maxsize=65536)
def family(address: str) -> int | None:
    """4 or 6 for an IP or prefix, None for anything else. Text only: safe to remember."""
    try:
        return ipaddress.ip_network(address, strict=False).version
    except ValueError:
        return None


def address(host: str, port: int) -> Address:
    if is_unix(host):
        return Address(pipe=Pipe(path=host.removeprefix(_UNIX)))
    return Address(socket_address=SocketAddress(address=host, port_value=port, ipv4_compat=False))


def bind(listener: Listener, hosts: tuple[str, ...], port: int) -> None:
    """The first is the listener's address, the others are additional ones."""
    first, *others = hosts
    listener.address.CopyFrom(address(first, port))
    listener.additional_addresses.extend(AdditionalAddress(address=address(a, port)) for a in others)


def prefix(text: str) -> CidrRange:
    """`10.0.0.0/8`, or an address, which is a prefix of its own length. Raise ValueError if it is neither."""
    network = ipaddress.ip_network(text, strict=False)
    return CidrRange(address_prefix=str(network.network_address), prefix_len=number(network.prefixlen))
