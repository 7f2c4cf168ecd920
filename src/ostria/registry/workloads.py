"""Pods and WorkloadEntries as workloads."""

from ostria.api.kubernetes.node import Node
from ostria.api.kubernetes.pod import Pod
from ostria.api.meta import ObjectKey
from ostria.api.networking.workload_entry import WorkloadEntry, WorkloadEntrySpec
from ostria.registry import canonical, locality
from ostria.registry.model import Locality, Namespace, Workload

TLS_MODE = "security.istio.io/tlsMode"
NETWORK = "topology.istio.io/network"
CLUSTER = "Kubernetes"


def of_pod(pod: Pod, node: Node | None) -> Workload | None:
    """None until the pod has an address, and when it has ended: nothing can reach it."""
    meta, status = pod.metadata, pod.status
    if status is None or not status.addresses or status.phase in ("Succeeded", "Failed"):
        return None
    labels = meta.labels
    name, kind = canonical.workload(meta.name, labels, meta.owner_references)
    return Workload(
        namespace=Namespace(meta.namespace),
        name=meta.name,
        addresses=status.addresses,
        labels=labels,
        annotations=meta.annotations,
        service_account=pod.spec.account,
        owner=ObjectKey("Pod", meta.namespace, meta.name),
        workload_name=name,
        workload_type=kind,
        network=labels.get(NETWORK, ""),
        locality=locality.of_labels(labels) or (locality.of_node(node.metadata.labels) if node else Locality()),
        node=pod.spec.node_name,
        cluster=CLUSTER,
        injected=_speaks_mutual_tls(labels, otherwise=False),
        canonical_service=canonical.service(labels, name),
        canonical_revision=canonical.revision(labels),
        ready=status.ready,
        host_network=pod.spec.host_network,
        container_ports=tuple((p.name, p.container_port) for c in (*pod.spec.containers, *pod.spec.init_containers) for p in c.ports),
        app_probes=meta.annotations.get("status.sidecar.istio.io/port", ""),
    )


def of_entry(entry: WorkloadEntry) -> Workload:
    meta, spec = entry.metadata, entry.spec
    labels = entry_labels(entry)
    name, kind = canonical.workload(meta.name, labels, meta.owner_references)
    if kind == "Pod":
        kind = "WorkloadEntry"
    return Workload(
        namespace=Namespace(meta.namespace),
        name=meta.name,
        addresses=(spec.address,) if spec.address else (),
        labels=labels,
        annotations=meta.annotations,
        service_account=spec.service_account or "",
        owner=ObjectKey("WorkloadEntry", meta.namespace, meta.name),
        workload_name=name,
        workload_type=kind,
        network=spec.network or labels.get(NETWORK, ""),
        locality=locality.of_entry(spec.locality, labels),
        cluster=CLUSTER,
        injected=entry_speaks_mutual_tls(spec, labels),
        canonical_service=canonical.service(labels, name),
        canonical_revision=canonical.revision(labels),
    )


def entry_labels(entry: WorkloadEntry) -> dict[str, str]:
    """The labels of its spec over those of its metadata: either place may carry them."""
    return {**entry.metadata.labels, **entry.spec.labels}


def entry_speaks_mutual_tls(spec: WorkloadEntrySpec, labels: dict[str, str]) -> bool:
    """An entry that says nothing else speaks mutual TLS when it names a service account: only then is there a certificate to expect."""
    return _speaks_mutual_tls(labels, otherwise=bool(spec.service_account))


def _speaks_mutual_tls(labels: dict[str, str], *, otherwise: bool) -> bool:
    """Injection labels pods with sidecars, and not gateways: those serve what their Gateways say, which is plain text as often as not."""
    mode = labels.get(TLS_MODE)
    return otherwise if mode is None else mode == "istio"
