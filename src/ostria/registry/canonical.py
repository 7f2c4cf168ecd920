"""What a workload is called in metrics and graphs: its controller's name, its canonical service and revision."""

import re
from collections.abc import Mapping, Sequence

from ostria.api.meta import OwnerReference

_SERVICE_LABELS = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISION_LABELS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_CRON_JOB_SUFFIX = re.compile(r"-(\d{8,11})$")


def service(labels: Mapping[str, str], workload: str) -> str:
    return next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), workload)


def revision(labels: Mapping[str, str]) -> str:
    return next((labels[name] for name in _REVISION_LABELS if labels.get(name)), "latest")


def workload(pod: str, labels: Mapping[str, str], owners: Sequence[OwnerReference]) -> tuple[str, str]:
    """(name, kind) of the controller behind a pod. A ReplicaSet named after its pod template hash stands for its Deployment."""
    explicit = labels.get("service.istio.io/workload-name")
    owner = next((o for o in owners if o.controller), None)
    if owner is None:
        return (explicit or _from_template_hash(pod, labels) or pod), "Deployment" if "pod-template-hash" in labels else "Pod"
    name, kind = owner.name, owner.kind
    template_hash = labels.get("pod-template-hash")
    if kind == "ReplicaSet" and template_hash and name.endswith(f"-{template_hash}"):
        name, kind = name.removesuffix(f"-{template_hash}"), "Deployment"
    elif kind == "ReplicationController" and "deploymentconfig" in labels:
        name, kind = labels["deploymentconfig"], "DeploymentConfig"
    elif kind == "Job" and (scheduled := _CRON_JOB_SUFFIX.search(name)):
        name, kind = name[: scheduled.start()], "CronJob"
    return explicit or name, kind


def _from_template_hash(pod: str, labels: Mapping[str, str]) -> str:
    template_hash = labels.get("pod-template-hash")
    head, found, _ = pod.partition(f"-{template_hash}-") if template_hash else (pod, "", "")
    return head if found else ""
