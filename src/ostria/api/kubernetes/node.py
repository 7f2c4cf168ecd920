"""Node: where a pod runs, and so its locality (labels `topology.kubernetes.io/region` and `…/zone`)."""

from typing import Any

from msgspec import field

from ostria.api.meta import Message, Resource, Tolerant


class NodeSpec(Message):
    pod_cidr: str | None = field(default=None, name="podCIDR")
    pod_cidrs: tuple[str, ...] = field(default=(), name="podCIDRs")
    provider_id: str | None = field(default=None, name="providerID")
    unschedulable: bool = False
    taints: tuple[dict[str, Any], ...] = ()
    config_source: dict[str, Any] | None = None
    external_id: str | None = field(default=None, name="externalID")


class NodeAddress(Tolerant):
    type: str
    address: str


class NodeStatus(Tolerant):
    addresses: tuple[NodeAddress, ...] = ()


class Node(Resource):
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus | None = None
