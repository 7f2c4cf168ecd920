"""What PeerAuthentication asks of a workload's ports: port over workload over namespace over mesh, the oldest object on a tie.

It stands in the registry because a server that disables mutual TLS changes what clients are told about its endpoints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ostria.api.security.peer_authentication import MutualTLS, PeerAuthentication
from ostria.registry.model import MtlsMode


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadMtls:
    """The mode of a workload, and of the ports that have one of their own."""

    mode: MtlsMode = MtlsMode.PERMISSIVE
    ports: tuple[tuple[int, MtlsMode], ...] = ()

    def at(self, port: int) -> MtlsMode:
        return next((mode for number, mode in self.ports if number == port), self.mode)


DEFAULT = WorkloadMtls()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeerPolicies:
    """All PeerAuthentications, by what they select. Build it with `index`."""

    mesh: MtlsMode = MtlsMode.PERMISSIVE
    namespaces: Mapping[str, MtlsMode] = field(default_factory=dict)
    selecting: Mapping[str, Sequence[PeerAuthentication]] = field(default_factory=dict)
    """By namespace, oldest first: those with a selector."""

    def of(self, namespace: str, labels: Mapping[str, str]) -> WorkloadMtls:
        inherited = self.namespaces.get(namespace, self.mesh)
        for policy in self.selecting.get(namespace, ()):
            if _labels(policy).items() <= labels.items():
                return _own(policy, inherited)
        return DEFAULT if inherited is MtlsMode.PERMISSIVE else WorkloadMtls(mode=inherited)


def index(policies: Sequence[PeerAuthentication], root_namespace: str) -> PeerPolicies:
    """`policies` are oldest first."""
    namespaces: dict[str, MtlsMode | None] = {}
    selecting: dict[str, list[PeerAuthentication]] = {}
    for policy in policies:
        namespace = policy.metadata.namespace
        if _labels(policy):
            selecting.setdefault(namespace, []).append(policy)
        else:
            namespaces.setdefault(namespace, _mode(policy.spec.mtls))
    mesh = namespaces.pop(root_namespace, None) or MtlsMode.PERMISSIVE
    return PeerPolicies(
        mesh=mesh,
        namespaces={name: mode or mesh for name, mode in namespaces.items()},
        selecting={k: tuple(v) for k, v in selecting.items()},
    )


def _labels(policy: PeerAuthentication) -> dict[str, str]:
    return policy.spec.selector.match_labels if policy.spec.selector else {}


def _own(policy: PeerAuthentication, inherited: MtlsMode) -> WorkloadMtls:
    mode = _mode(policy.spec.mtls) or inherited
    ports = tuple(sorted((int(number), _mode(mtls) or mode) for number, mtls in policy.spec.port_level_mtls.items() if number.isdecimal()))
    return WorkloadMtls(mode=mode, ports=ports)


def _mode(mtls: MutualTLS | None) -> MtlsMode | None:
    """None: inherited."""
    return None if mtls is None or mtls.mode in (None, "UNSET") else MtlsMode(mtls.mode)
