"""ProxyConfig as a pod's annotation `proxy.istio.io/config` has it: laid over the mesh's default for this one proxy."""

from collections.abc import Iterable, Mapping
from typing import Any

from ostria.api import decode, documents
from ostria.api.mesh.proxy_config import MeshProxyConfig
from ostria.api.problem import Issue, Severity, field_path
from ostria.api.uses import refused
from ostria.config.mesh import camel_case

ANNOTATION = "proxy.istio.io/config"


class BadProxyConfig(ValueError):
    """The annotation can't be used; the text says each reason with its field."""


def of(annotations: Mapping[str, str]) -> MeshProxyConfig:
    """Raise BadProxyConfig."""
    return _config(written(annotations))


def written(annotations: Mapping[str, str]) -> dict[str, Any]:
    """Only what is written, in the API's names. Raise BadProxyConfig."""
    found = documents.read(annotations.get(ANNOTATION, ""))
    _check(fault.issue for document in found for fault in document.faults)
    data = camel_case(found[0].data) if found else None
    if data is None:
        return {}
    _config(data)
    return dict(data)


def laid_over(default: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Messages and maps (`proxyMetadata`) are joined field by field, everything else is replaced."""
    joined = dict(default)
    for name, value in own.items():
        below = joined.get(name)
        joined[name] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return joined


def _config(data: Any) -> MeshProxyConfig:
    found, issues = decode.message(data, MeshProxyConfig)
    _check(issues)
    assert found is not None
    _check(refused(found))
    return found


def _check(issues: Iterable[Issue]) -> None:
    wrong = [f"{field_path(issue.path)}: {issue.message}".lstrip(": ") for issue in issues if issue.severity is Severity.ERROR]
    if wrong:
        raise BadProxyConfig(f"annotation {ANNOTATION}: " + "; ".join(wrong))
