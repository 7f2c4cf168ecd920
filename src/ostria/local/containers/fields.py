"""The downward API: fields of a pod that its own containers may read, by path."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str
    addresses: tuple[str, ...]
    node: str
    node_address: str


def field(path: str, facts: PodFacts) -> str:
    """Raise ValueError for a path that the downward API does not have."""
    if keyed := _KEYED.fullmatch(path):
        return (facts.labels if keyed[1] == "labels" else facts.annotations).get(keyed[2], "")
    simple = {
        "metadata.name": facts.name,
        "metadata.namespace": facts.namespace,
        "metadata.uid": facts.uid,
        "metadata.labels": _lines(facts.labels),
        "metadata.annotations": _lines(facts.annotations),
        "spec.serviceAccountName": facts.service_account,
        "spec.nodeName": facts.node,
        "status.podIP": facts.addresses[0],
        "status.podIPs": ",".join(facts.addresses),
        "status.hostIP": facts.node_address,
        "status.hostIPs": facts.node_address,
    }
    if path not in simple:
        raise ValueError(f"fieldPath {path!r} is not a field of the downward API: {', '.join(sorted(simple))}")
    return simple[path]


def _lines(pairs: Mapping[str, str]) -> str:
    escaped = ((key, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for key, value in sorted(pairs.items()))
    return "\n".join(f'{key}="{value}"' for key, value in escaped)
