"""Istio's name table (NDS): hosts of the mesh and their addresses, and the rules by which a query finds one. Pure.

A query is matched as it comes, then as short names of Kubernetes services, then with a search domain taken off, then against wildcards from the most
specific. A name that is in the table with no address of the asked family has an empty answer: asking elsewhere would find what the mesh replaced.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ostria.agent.wire import fields

_KUBERNETES: Final = "Kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    addresses: tuple[str, ...]
    registry: str = ""
    short_name: str = ""
    namespace: str = ""


Table = Mapping[str, Name]


def decode(response: bytes) -> Table | None:
    """The table inside a DeltaDiscoveryResponse; None where it holds none. Raise WireError on malformed bytes."""
    found: dict[str, Name] = {}
    seen = False
    for _, resource in fields(response, (2,)):
        for _, packed in fields(_bytes(resource), (2,)):
            for _, body in fields(_bytes(packed), (2,)):
                seen = True
                found.update(_entries(_bytes(body)))
            seen = True
    return found if seen else None


def _entries(table: bytes) -> Iterator[tuple[str, Name]]:
    for _, entry in fields(table, (1,)):
        host, name = "", Name(addresses=())
        for number, value in fields(_bytes(entry), (1, 2)):
            if number == 1:
                host = _text(value)
            else:
                name = _name(_bytes(value))
        yield host.lower().rstrip("."), name


def _name(data: bytes) -> Name:
    addresses: list[str] = []
    texts = {2: "", 3: "", 4: ""}
    for number, value in fields(data, (1, 2, 3, 4)):
        if number == 1:
            addresses.append(_text(value))
        else:
            texts[number] = _text(value)
    return Name(addresses=tuple(addresses), registry=texts[2], short_name=texts[3], namespace=texts[4])


def _bytes(value: bytes | int) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: bytes | int) -> str:
    return _bytes(value).decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """A table prepared for look-up by one workload, in its namespace and with its search domains."""

    hosts: Mapping[str, tuple[str, ...]]
    search: tuple[str, ...] = field(default=())

    def lookup(self, query: str, version: int) -> tuple[str, ...] | None:
        """Addresses of IP `version`; empty where the host has none of it; None where the mesh does not know the name."""
        addresses = self._find(query.lower().rstrip("."))
        if addresses is None:
            return None
        return tuple(address for address in addresses if (":" in address) == (version == 6))

    def _find(self, query: str) -> tuple[str, ...] | None:
        for candidate in (query, *self._without_search_domain(query)):
            if (found := self.hosts.get(candidate)) is not None:
                return found
        labels = query.split(".")
        wildcards = ("*." + ".".join(labels[index:]) for index in range(1, len(labels)))
        return next((self.hosts[wildcard] for wildcard in wildcards if wildcard in self.hosts), None)

    def _without_search_domain(self, query: str) -> Iterator[str]:
        for domain in self.search:
            if query.endswith("." + domain):
                yield query.removesuffix("." + domain)


def prepare(table: Table, *, namespace: str, domain: str, search: Sequence[str]) -> Names:
    """`domain` is the cluster's (`cluster.local`). Full hosts win over short names that happen to be equal."""
    hosts: dict[str, tuple[str, ...]] = {}
    for name in table.values():
        for short in _short_names(name, namespace, domain):
            hosts.setdefault(short, name.addresses)
    hosts.update((host, name.addresses) for host, name in table.items())
    return Names(hosts=hosts, search=tuple(item.lower().rstrip(".") for item in search))


def _short_names(name: Name, namespace: str, domain: str) -> Iterator[str]:
    if name.registry != _KUBERNETES or not name.short_name or not name.namespace:
        return
    short, own = name.short_name.lower(), name.namespace.lower()
    if own == namespace:
        yield short
    yield f"{short}.{own}"
    yield f"{short}.{own}.svc"
    yield f"{short}.{own}.svc.{domain}"
