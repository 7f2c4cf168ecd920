"""What an endpoint needs to know about the world around it, as an interface: workloads, localities, mutual TLS, identities."""

from typing import Protocol

from ostria.registry.model import Endpoint, Locality, MtlsMode, TlsMode, Workload
from ostria.registry.mutual_tls import WorkloadMtls


class Surroundings(Protocol):
    def pod(self, name: str) -> Workload | None:
        """By NAMESPACE/NAME."""

    def at(self, address: str) -> Workload | None:
        """The workload that has the address for itself."""

    def locality(self, node: str) -> Locality: ...
    def mtls(self, namespace: str, labels: dict[str, str]) -> WorkloadMtls: ...
    def account(self, namespace: str, name: str) -> str: ...


def of_workload(
    workload: Workload, address: str, port: int, around: Surroundings, *, hostname: str = "", weight: int = 1, known: bool = True
) -> Endpoint:
    """An endpoint of a workload. `known`: its service account is stated, so that its certificate can be checked."""
    return Endpoint(
        address=address,
        port=port,
        labels=workload.labels,
        service_account=around.account(workload.namespace, workload.service_account) if known else "",
        tls_mode=tls_mode(workload.injected, workload.namespace, workload.labels, port, around),
        locality=workload.locality,
        network=workload.network,
        weight=weight,
        workload=workload,
        hostname=hostname,
        node=workload.node,
    )


def tls_mode(capable: bool, namespace: str, labels: dict[str, str], port: int, around: Surroundings) -> TlsMode:
    """Mutual TLS where the server can speak it and its policy does not turn it off."""
    if capable and around.mtls(namespace, labels).at(port) is not MtlsMode.DISABLE:
        return TlsMode.ISTIO
    return TlsMode.DISABLED
