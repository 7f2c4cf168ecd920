"""Virtual addresses for hosts that have none: by hash of their name, so that they stay the same over restarts and on every control plane.

Two names that hash to one address are told apart by probing, the older first: an address moves only when an older name takes it.
"""

from collections.abc import Iterable
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ostria.registry.model import Host

_IPV4 = int(IPv4Address("240.240.0.0"))
_IPV6 = int(IPv6Address("2001:2::"))
_SIZE = 1 << 16


class Claim(NamedTuple):
    """A host of a namespace that wants an address; claims sort oldest first."""

    created: str
    namespace: str
    host: Host


def allocate(claims: Iterable[Claim]) -> dict[tuple[str, Host], tuple[str, str]]:
    """An IPv4 and an IPv6 address for each (namespace, host)."""
    taken: dict[int, tuple[str, Host]] = {}
    given: dict[tuple[str, Host], tuple[str, str]] = {}
    for claim in sorted(claims):
        name = (claim.namespace, claim.host)
        if name in given or len(taken) >= _SIZE - 2:
            continue
        slot = _first(claim)
        while slot in taken:
            slot = slot % (_SIZE - 2) + 1
        taken[slot] = name
        given[name] = (str(IPv4Address(_IPV4 + slot)), str(IPv6Address(_IPV6 + slot)))
    return given


def _first(claim: Claim) -> int:
    """1 to 65534: never the network's first or last address."""
    digest = blake2b(f"{claim.namespace}/{claim.host}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % (_SIZE - 2) + 1
