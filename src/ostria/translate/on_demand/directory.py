"""Which virtual host of a route configuration serves an authority: Envoy's rules, over hosts that the proxy may not have yet.

An exact domain comes first, then the longest one that ends alike (`*.example.com`), then the longest one that begins alike (`shop.*`), then `*`.
A proxy that is given a host with a wildcard must have every host whose domains that wildcard would swallow: `swallowed` tells which.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

EVERYTHING: Final = "*"


def without_port(authority: str) -> str:
    """As Envoy strips it: digits behind the last colon, which is not inside an IPv6 address."""
    head, colon, tail = authority.rpartition(":")
    return head if colon and "]" not in tail and (tail.isdigit() and tail.isascii()) else authority


class Directory:
    """`hosts` gives each virtual host's domains; a domain stands there once, as Envoy demands."""

    def __init__(self, hosts: Mapping[str, tuple[str, ...]], *, ignore_port: bool) -> None:
        self.hosts, self.ignore_port = hosts, ignore_port
        self._exact: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        self._begins: dict[str, str] = {}
        self.everything = ""
        """The virtual host for whatever no other one serves; empty where there is none."""
        self._wild = frozenset(name for name, domains in hosts.items() if any(EVERYTHING in domain for domain in domains))
        for name, domains in hosts.items():
            for domain in domains:
                self._enter(name, domain.lower())
        self._end_lengths = sorted({len(end) for end in self._ends}, reverse=True)
        self._begin_lengths = sorted({len(beginning) for beginning in self._begins}, reverse=True)

    def _enter(self, name: str, domain: str) -> None:
        if domain == EVERYTHING:
            self.everything = name
        elif domain.startswith(EVERYTHING):
            self._ends[domain[1:]] = name
        elif domain.endswith(EVERYTHING):
            self._begins[domain[:-1]] = name
        else:
            self._exact[domain] = name

    def plain(self, authority: str) -> str:
        """The authority as domains are compared with it."""
        return without_port(authority.lower()) if self.ignore_port else authority.lower()

    def serving(self, plain: str) -> str:
        """The virtual host for an authority that `plain` was applied to; empty where nothing serves it but the host for everything."""
        if (found := self._exact.get(plain)) is not None:
            return found
        for length in self._end_lengths:
            if length < len(plain) and (found := self._ends.get(plain[-length:])) is not None:
                return found
        for length in self._begin_lengths:
            if length < len(plain) and (found := self._begins.get(plain[:length])) is not None:
                return found
        return ""

    def swallowed(self, names: Iterable[str]) -> frozenset[str]:
        """All hosts that requests could miss because one of `names` is there and they are not."""
        found: set[str] = set()
        waiting = [*self._wild.intersection(names)]
        while waiting:
            for domain in self.hosts[waiting.pop()]:
                new = set(self._beneath(domain.lower())) - found if EVERYTHING in domain else set()
                found |= new
                waiting += self._wild & new
        return frozenset(found)

    def _beneath(self, wildcard: str) -> Iterator[str]:
        """Envoy tries exact domains first and ends before beginnings, longer ones before shorter: only these can be missed for `wildcard`."""
        if wildcard == EVERYTHING:
            yield from (name for name in self.hosts if name != self.everything)
            return
        if not wildcard.startswith(EVERYTHING):
            beginning = wildcard[:-1]
            yield from (name for domain, name in self._exact.items() if domain.startswith(beginning))
            yield from (name for other, name in self._begins.items() if len(other) > len(beginning) and other.startswith(beginning))
            yield from self._ends.values()
            return
        end = wildcard[1:]
        yield from (name for domain, name in self._exact.items() if domain.endswith(end))
        yield from (name for other, name in self._ends.items() if len(other) > len(end) and other.endswith(end))
