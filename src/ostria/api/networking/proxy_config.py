"""ProxyConfig."""

from typing import Annotated

from msgspec import Meta, field

from ostria.api.meta import Message, Resource
from ostria.api.selectors import WorkloadSelector


class ProxyImage(Message):
    image_type: str | None = None


class ProxyConfigSpec(Message):
    concurrency: Annotated[int, Meta(ge=0)] | None = None
    environment_variables: dict[str, str] = {}
    image: ProxyImage | None = None
    selector: WorkloadSelector | None = None


class ProxyConfig(Resource):
    spec: ProxyConfigSpec = field(default_factory=ProxyConfigSpec)
