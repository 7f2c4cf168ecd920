"""Which Sidecar scopes a workload, and what its egress hosts import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ostria.api.networking.sidecar import IstioEgressListener, Sidecar
from ostria.registry.hosts import covers, is_wildcard, matches
from ostria.snapshot.selection import labels_of, selects


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sidecars:
    """All Sidecars, by namespace, oldest first."""

    root_namespace: str
    by_namespace: Mapping[str, Sequence[Sidecar]] = field(default_factory=dict)

    def of(self, namespace: str, labels: Mapping[str, str]) -> Sidecar | None:
        """One that selects the workload, else the namespace's default, else the root namespace's default."""
        own = self.by_namespace.get(namespace, ())
        selecting = (s for s in own if labels_of(s.spec.workload_selector) and selects(s.spec.workload_selector, labels))
        return next(selecting, None) or self.default(namespace)

    def default(self, namespace: str) -> Sidecar | None:
        for place in (namespace, self.root_namespace):
            for sidecar in self.by_namespace.get(place, ()):
                if not labels_of(sidecar.spec.workload_selector):
                    return sidecar
        return None


@dataclass(frozen=True, slots=True)
class Imports:
    """The hosts of an egress listener: patterns by namespace, `*` for any namespace."""

    patterns: Mapping[str, tuple[str, ...]]

    def service(self, namespace: str, host: str) -> bool:
        return any(covers(pattern, host) for pattern in self._for(namespace))

    def virtual_service(self, namespace: str, hosts: Sequence[str]) -> bool:
        """One host is enough; a wildcard host need only overlap."""
        patterns = self._for(namespace)
        return any(matches(p, host) if is_wildcard(host) else covers(p, host) for host in hosts for p in patterns)

    @property
    def named(self) -> frozenset[str]:
        """Hosts that are spelled out."""
        return frozenset(pattern for patterns in self.patterns.values() for pattern in patterns if not is_wildcard(pattern))

    def _for(self, namespace: str) -> tuple[str, ...]:
        return self.patterns.get(namespace, ()) + self.patterns.get("*", ())


def imports(listener: IstioEgressListener, namespace: str) -> Imports:
    """`./` is the namespace of the proxy, also where the Sidecar is the root namespace's default; `~/` imports nothing."""
    patterns: dict[str, tuple[str, ...]] = {}
    for item in listener.hosts:
        place, slash, pattern = item.partition("/")
        if not slash:
            place, pattern = "*", item
        if place != "~":
            place = namespace if place == "." else place
            patterns[place] = (*patterns.get(place, ()), pattern.lower())
    return Imports(patterns)
