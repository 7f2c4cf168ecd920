"""Which objects speak to a workload: by namespace and labels, or by naming the gateway that it belongs to."""

from collections.abc import Mapping

from ostria.api.selectors import LabelSelector, PolicyTargetReference, WorkloadSelector

_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"


def labels_of(selector: WorkloadSelector | LabelSelector | None) -> Mapping[str, str]:
    match selector:
        case WorkloadSelector():
            return selector.match_labels
        case LabelSelector():
            return selector.labels
        case None:
            return {}


def selects(selector: WorkloadSelector | LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """No selector selects all."""
    return labels_of(selector).items() <= labels.items()


def targets(references: tuple[PolicyTargetReference, ...], namespace: str, policy_namespace: str, labels: Mapping[str, str]) -> bool:
    """Whether a policy that names its targets means this workload: only the proxies of a Gateway of its own namespace can be meant."""
    return namespace == policy_namespace and any(r.kind == "Gateway" and r.name == labels.get(_GATEWAY_NAME) for r in references)
