"""DaemonSet: one pod on each node, so one on one machine."""

from typing import Annotated, Any

from msgspec import Meta

from ostria.api.kubernetes.pod import PodTemplateSpec
from ostria.api.kubernetes.selector import Selector
from ostria.api.meta import Message, Resource


class DaemonSetSpec(Message):
    selector: Selector
    template: PodTemplateSpec
    update_strategy: dict[str, Any] = {}
    min_ready_seconds: Annotated[int, Meta(ge=0)] = 0
    revision_history_limit: int | None = None


class DaemonSet(Resource):
    spec: DaemonSetSpec
