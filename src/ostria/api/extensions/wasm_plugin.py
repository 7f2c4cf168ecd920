"""WasmPlugin."""

from typing import Any, Literal

from ostria.api.extensions.traffic_selector import TrafficSelector
from ostria.api.extensions.vm_config import VmConfig
from ostria.api.meta import Message, Resource
from ostria.api.selectors import PolicyTargetReference, WorkloadSelector


class WasmPluginSpec(Message):
    fail_strategy: Literal["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"] | None = None
    image_pull_policy: Literal["UNSPECIFIED_POLICY", "IfNotPresent", "Always"] | None = None
    image_pull_secret: str | None = None
    match: tuple[TrafficSelector, ...] = ()
    phase: Literal["UNSPECIFIED_PHASE", "AUTHN", "AUTHZ", "STATS"] | None = None
    plugin_config: dict[str, Any] = {}
    plugin_name: str | None = None
    priority: int | None = None
    selector: WorkloadSelector | None = None
    sha256: str | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    type: Literal["UNSPECIFIED_PLUGIN_TYPE", "HTTP", "NETWORK"] | None = None
    url: str
    verification_key: str | None = None
    vm_config: VmConfig | None = None


class WasmPlugin(Resource):
    spec: WasmPluginSpec
