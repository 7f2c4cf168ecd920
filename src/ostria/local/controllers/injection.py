"""Whether a pod gets a sidecar, by Istio's rules: the namespace's labels, then the pod's; labels before the older annotation."""

from collections.abc import Mapping
from dataclasses import dataclass

from ostria.api.kubernetes.pod import PodTemplateSpec

INJECT = "sidecar.istio.io/inject"
TEMPLATES = "inject.istio.io/templates"
NAMESPACE_LABEL = "istio-injection"
REVISION_LABEL = "istio.io/rev"
_IGNORED = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
_TRUE, _FALSE = frozenset({"true", "y", "yes", "on", "1"}), frozenset({"false", "n", "no", "off", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """`reason` completes the sentence "… has no sidecar because …", or tells what asked for one."""

    injected: bool
    reason: str
    router: bool = False
    """A gateway: the container `istio-proxy` itself is the proxy."""
    proxyless: bool = False
    """Only an agent: the app is a gRPC program that speaks xDS itself."""


def decide(namespace: str, namespace_labels: Mapping[str, str], template: PodTemplateSpec, revision: str = "default") -> Injection:
    labels, annotations = template.metadata.labels, template.metadata.annotations
    if template.spec.host_network:
        return Injection(injected=False, reason="it uses the host's network")
    if namespace in _IGNORED:
        return Injection(injected=False, reason=f"nothing in namespace {namespace} ever gets one")
    wanted = _namespace_wants(namespace_labels, labels, revision)
    asked = labels.get(INJECT, annotations.get(INJECT, "")).lower()
    if asked in _FALSE:
        return Injection(injected=False, reason=f"it says {INJECT}: {asked}")
    if wanted is False:
        return Injection(injected=False, reason=_namespace_reason(namespace_labels))
    templates = {name.strip() for name in annotations.get(TEMPLATES, "").split(",")}
    router, proxyless = "gateway" in templates, "grpc-agent" in templates
    if asked in _TRUE and (wanted or INJECT in labels):
        return Injection(injected=True, reason=f"it says {INJECT}: {asked}", router=router, proxyless=proxyless)
    if wanted or labels.get(REVISION_LABEL) == revision:
        return Injection(
            injected=True,
            reason="its namespace asks for it" if wanted else f"it says {REVISION_LABEL}: {revision}",
            router=router,
            proxyless=proxyless,
        )
    return Injection(injected=False, reason=f"namespace {namespace} has no label {NAMESPACE_LABEL}")


def _namespace_wants(labels: Mapping[str, str], pod: Mapping[str, str], revision: str) -> bool | None:
    """True and False are the namespace's word; None leaves it to the pod."""
    injection = labels.get(NAMESPACE_LABEL)
    if injection is not None:
        return injection == "enabled"
    named = labels.get(REVISION_LABEL)
    if named is not None:
        return named == revision and pod.get(REVISION_LABEL, named) == named
    return None


def _namespace_reason(labels: Mapping[str, str]) -> str:
    name = NAMESPACE_LABEL if NAMESPACE_LABEL in labels else REVISION_LABEL
    return f"its namespace says {name}: {labels[name]}"
