"""StatefulSet: replicas with names and order of their own."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from ostria.api.kubernetes.deployment import Replicas
from ostria.api.kubernetes.pod import PodTemplateSpec
from ostria.api.kubernetes.selector import Selector
from ostria.api.meta import Message, Resource


class Ordinals(Message):
    start: Annotated[int, Meta(ge=0)] = 0


class StatefulSetSpec(Message):
    replicas: Replicas = 1
    selector: Selector
    template: PodTemplateSpec
    service_name: str = ""
    pod_management_policy: Literal["OrderedReady", "Parallel"] = "OrderedReady"
    ordinals: Ordinals | None = None
    update_strategy: dict[str, Any] = {}
    volume_claim_templates: tuple[dict[str, Any], ...] = ()
    persistent_volume_claim_retention_policy: dict[str, Any] | None = None
    min_ready_seconds: Annotated[int, Meta(ge=0)] = 0
    revision_history_limit: int | None = None


class StatefulSet(Resource):
    spec: StatefulSetSpec
