"""Where a workload runs: from its own label, or from its node's labels."""

from collections.abc import Mapping

from ostria.registry.model import Locality

_REGION = "topology.kubernetes.io/region"
_ZONE = "topology.kubernetes.io/zone"
_SUB_ZONE = "topology.istio.io/subzone"
_OLD_REGION = "failure-domain.beta.kubernetes.io/region"
_OLD_ZONE = "failure-domain.beta.kubernetes.io/zone"
_POD_LABELS = ("topology.istio.io/locality", "istio-locality")


def parse(text: str) -> Locality:
    """`region/zone/subzone`, any part may be missing."""
    parts = text.split("/")
    return Locality(*parts[:3])


def of_node(labels: Mapping[str, str]) -> Locality:
    return Locality(
        labels.get(_REGION) or labels.get(_OLD_REGION, ""), labels.get(_ZONE) or labels.get(_OLD_ZONE, ""), labels.get(_SUB_ZONE, "")
    )


def of_labels(labels: Mapping[str, str]) -> Locality | None:
    """The locality that a pod's label states; labels can't hold slashes, so dots stand for them there."""
    text = next((labels[name] for name in _POD_LABELS if labels.get(name)), "")
    return parse(text if "/" in text else text.replace(".", "/")) if text else None


def of_entry(stated: str | None, labels: Mapping[str, str]) -> Locality:
    """Of a WorkloadEntry: its own field, or else its label."""
    return parse(stated) if stated else of_labels(labels) or Locality()
