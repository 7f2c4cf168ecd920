"""Deployment."""

from typing import Annotated, Any

from msgspec import Meta

from ostria.api.kubernetes.pod import PodTemplateSpec
from ostria.api.kubernetes.selector import Selector
from ostria.api.meta import Message, Resource

Replicas = Annotated[int, Meta(ge=0)]


class DeploymentSpec(Message):
    replicas: Replicas = 1
    selector: Selector
    template: PodTemplateSpec
    strategy: dict[str, Any] = {}
    min_ready_seconds: Annotated[int, Meta(ge=0)] = 0
    revision_history_limit: int | None = None
    progress_deadline_seconds: int | None = None
    paused: bool = False


class Deployment(Resource):
    spec: DeploymentSpec
