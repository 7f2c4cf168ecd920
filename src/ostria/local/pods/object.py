"""The Pod object by which the control plane, and whoever asks, knows a running pod."""

from collections.abc import Sequence

from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.pod import Pod, PodCondition, PodIP, PodSpec, PodStatus
from ostria.api.meta import ObjectMeta, OwnerReference
from ostria.local.containers.fields import PodFacts
from ostria.local.containers.run import is_sidecar
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import PodPlan
from ostria.local.network.links import GATEWAYS
from ostria.local.pods.machine import NODE


def pod_object(plan: PodPlan, facts: PodFacts, injection: Injection, status: PodStatus, *, created: str, ending: bool) -> Pod:
    annotations = dict(facts.annotations)
    if injection.injected and not injection.proxyless:
        annotations["sidecar.istio.io/status"] = '{"containers":["istio-proxy"]}'
    template = plan.template.spec
    metadata = ObjectMeta(
        name=plan.name,
        namespace=plan.namespace,
        labels=dict(facts.labels),
        annotations=annotations,
        uid=facts.uid,
        creation_timestamp=created,
        deletion_timestamp=created if ending else None,
        owner_references=_owners(plan) if plan.owner.kind != "Pod" else (),
    )
    spec = PodSpec(
        containers=tuple(_outline(c) for c in template.containers),
        init_containers=tuple(_outline(c) for c in template.init_containers if is_sidecar(c)),
        service_account_name=template.account,
        node_name=NODE,
        hostname=template.hostname,
        subdomain=template.subdomain,
    )
    return Pod(api_version="v1", kind="Pod", metadata=metadata, spec=spec, status=status)


def pod_status(phase: str, addresses: Sequence[str], *, initialized: bool, ready: bool, message: str) -> PodStatus:
    conditions = tuple(
        PodCondition(type=name, status="True" if holds else "False")
        for name, holds in (("Initialized", initialized), ("Ready", ready), ("ContainersReady", ready))
    )
    return PodStatus(
        phase=phase,
        pod_ip=addresses[0],
        pod_ips=tuple(PodIP(ip=text) for text in addresses),
        host_ip=str(GATEWAYS[0]),
        conditions=conditions,
        message=message,
    )


def _outline(container: Container) -> Container:
    return Container(name=container.name, image=container.image, ports=container.ports, restart_policy=container.restart_policy)


def _owners(plan: PodPlan) -> tuple[OwnerReference, ...]:
    """As in Kubernetes a Deployment's pod belongs to a ReplicaSet, whose name ends in the template's hash."""
    kind, name = plan.owner.kind, plan.owner.name
    if kind == "Deployment":
        kind, name = "ReplicaSet", f"{name}-{plan.version}"
    return (OwnerReference(api_version="batch/v1" if kind == "Job" else "apps/v1", kind=kind, name=name, controller=True),)
