"""Which address belongs to which pod and service: chosen by the hash of the name, so that it stays when everything is started again.

Two names may hash to one address; the later one takes the next free address, and both are remembered for as long as the state folder lives.
"""

from collections.abc import Mapping
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

NetworkPair = tuple[IPv4Network, IPv6Network]

_RESERVED = 16
"""The first addresses of a network are for the mesh itself."""


class Allocation:
    """Offsets by name, the same in the IPv4 and the IPv6 network. `kept` is what an earlier run remembered."""

    def __init__(self, networks: NetworkPair, kept: Mapping[str, int] | None = None) -> None:
        self._networks = networks
        self._size = min(networks[0].num_addresses, networks[1].num_addresses, 1 << 16) - 1 - _RESERVED
        self._offsets: dict[str, int] = {}
        self._names: dict[int, str] = {}
        for name, offset in (kept or {}).items():
            if 0 <= offset < self._size and offset not in self._names:
                self._take(name, offset)

    @property
    def kept(self) -> dict[str, int]:
        return dict(self._offsets)

    def get(self, name: str) -> tuple[IPv4Address, IPv6Address]:
        """The addresses of `name`, given on first use. Raise OverflowError when all are taken."""
        offset = self._offsets.get(name)
        if offset is None:
            offset = self._free(name)
            self._take(name, offset)
        return self._networks[0][offset + _RESERVED], self._networks[1][offset + _RESERVED]

    def reserve(self, address: str, name: str) -> None:
        """An address that somebody chose by hand is never given to anyone else."""
        found = ip_address(address)
        network = self._networks[found.version == 6]
        offset = int(found) - int(network.network_address) - _RESERVED
        if 0 <= offset < self._size and offset not in self._names:
            self._take(name, offset)

    def _free(self, name: str) -> int:
        start = int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) % self._size
        for step in range(self._size):
            offset = (start + step) % self._size
            if offset not in self._names:
                return offset
        raise OverflowError(f"no address is left for {name}")

    def _take(self, name: str, offset: int) -> None:
        self._offsets[name] = offset
        self._names[offset] = name
