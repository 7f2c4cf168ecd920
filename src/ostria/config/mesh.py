"""The mesh's settings, from every place that may hold them, merged as Istio merges them.

Layers, each over the one before: Istio's defaults, `meshConfig` of `ostria.yaml`, the ConfigMap `istio` in `istio-system`. A field that is set replaces
the field below it; `defaultConfig` and `defaultProviders` are merged field by field, extension providers by name, trust domain aliases add up.
"""

import re
from collections.abc import Mapping
from typing import Any

from ostria.api import decode, documents
from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import ObjectKey
from ostria.api.problem import Issue, Path, Problem, Severity, located
from ostria.api.uses import refused
from ostria.config.store import Store, Stored
from ostria.config.validate.mesh import mesh_issues

MESH_CONFIG_MAP = ObjectKey("ConfigMap", "istio-system", "istio")
_KEY = "mesh"
_FIELD_BY_FIELD = ("defaultConfig", "defaultProviders")
_SNAKE = re.compile(r"_([a-z0-9])")
_OWN_KEYS = ("proxyMetadata", "runtimeValues", "labels", "matchLabels", "includeAdditionalHeadersInCheck")
"""Maps whose keys are the user's own words."""


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One layer of plain settings over another, both in camelCase."""
    result = {**below, **above}
    for name in _FIELD_BY_FIELD:
        if isinstance(below.get(name), dict) and isinstance(above.get(name), dict):
            result[name] = {**below[name], **above[name]}
    if isinstance(below.get("extensionProviders"), list) and isinstance(above.get("extensionProviders"), list):
        both = (*below["extensionProviders"], *above["extensionProviders"])
        result["extensionProviders"] = list({str(p.get("name")) if isinstance(p, dict) else "": p for p in both}.values())
    if isinstance(below.get("trustDomainAliases"), list) and isinstance(above.get("trustDomainAliases"), list):
        result["trustDomainAliases"] = list(dict.fromkeys([*below["trustDomainAliases"], *above["trustDomainAliases"]]))
    return result


def camel_case(data: Any) -> Any:
    """Settings may be written as in the protocol buffer, with underscores; Istio reads both."""
    if isinstance(data, dict):
        return {
            (name := "meshMTLS" if key in ("mesh_mTLS", "mesh_mtls") else _SNAKE.sub(lambda m: m[1].upper(), key)): (
                value if name in _OWN_KEYS else camel_case(value)
            )
            for key, value in data.items()
        }
    return [camel_case(item) for item in data] if isinstance(data, list) else data


def mesh_config(settings: Mapping[str, Any]) -> tuple[MeshConfig | None, list[Issue]]:
    """Settings as an object; None if there is an error among the issues."""
    config, issues = decode.message(camel_case(settings), MeshConfig)
    if config is not None:
        issues += (*refused(config), *mesh_issues(config))
    return (None if any(i.severity is Severity.ERROR for i in issues) else config), issues


class MeshSettings:
    """The settings in force. `base` is `meshConfig` of `ostria.yaml`. Refused settings leave the last good ones in force."""

    def __init__(self, base: Mapping[str, Any] | None = None) -> None:
        self._base = camel_case(dict(base or {}))
        first, issues = mesh_config(self._base)
        self._config = first or MeshConfig()
        self._seen: Stored | None = None
        self._read = False
        self.problems: tuple[Problem, ...] = _problems(issues, "ostria.yaml", 1, None)

    def read(self, store: Store) -> MeshConfig:
        """The settings now: the same object as long as nothing has changed."""
        entry = store.get(MESH_CONFIG_MAP)
        if entry is not self._seen or not self._read:
            self._seen, self._read = entry, True
            self._merge(entry)
        return self._config

    def _merge(self, entry: Stored | None) -> None:
        settings, issues = dict(self._base), list[Issue]()
        if entry is not None and isinstance(entry.object, ConfigMap):
            above, issues = _settings_in(entry.object)
            settings = merged(settings, above)
        config, more = (None, []) if issues else mesh_config(settings)
        self.problems = _problems([*issues, *more], entry.origin.path if entry else "ostria.yaml", entry.origin.line if entry else 1, entry)
        if config is not None and config != self._config:
            self._config = config


def _settings_in(config_map: ConfigMap) -> tuple[dict[str, Any], list[Issue]]:
    """What the ConfigMap says, in camelCase."""
    found = documents.read(config_map.data.get(_KEY, ""))
    faults = [fault for document in found for fault in document.faults]
    if faults:
        return {}, [
            fault.issue._replace(path=(), message=f"line {fault.position[0] + 1} of the settings: {fault.message}") for fault in faults
        ]
    data = found[0].data if found else None
    if data is not None and not isinstance(data, dict):
        return {}, [Issue((), "the settings must be a mapping", "write name: value lines under the key mesh: |")]
    return camel_case(data or {}), []


def _problems(issues: list[Issue], path: str, line: int, entry: Stored | None) -> tuple[Problem, ...]:
    prefix: Path = ("meshConfig",) if entry is None else ("data", _KEY)
    key = entry.key if entry is not None else None
    return tuple(located(issue._replace(path=prefix + issue.path), path, (line - 1, 0), key) for issue in issues)
