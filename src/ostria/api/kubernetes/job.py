"""Job: pods that end."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from ostria.api.kubernetes.deployment import Replicas
from ostria.api.kubernetes.pod import PodTemplateSpec
from ostria.api.kubernetes.selector import Selector
from ostria.api.meta import Message, Resource


class JobSpec(Message):
    template: PodTemplateSpec
    parallelism: Replicas = 1
    completions: Replicas | None = None
    completion_mode: Literal["NonIndexed", "Indexed"] = "NonIndexed"
    backoff_limit: Replicas = 6
    backoff_limit_per_index: Replicas | None = None
    max_failed_indexes: Replicas | None = None
    active_deadline_seconds: Annotated[int, Meta(ge=1)] | None = None
    ttl_seconds_after_finished: Replicas | None = None
    suspend: bool = False
    selector: Selector | None = None
    manual_selector: bool = False
    pod_failure_policy: dict[str, Any] | None = None
    pod_replacement_policy: str | None = None
    success_policy: dict[str, Any] | None = None
    managed_by: str | None = None


class Job(Resource):
    spec: JobSpec
