"""The part of Istio's ProxyConfig (`PROXY_CONFIG`, `proxy.istio.io/config`) that an agent acts on.

It arrives as JSON that injection made from mesh defaults and annotations, so it is decoded leniently: a field that has no meaning to this agent is
named in `unused`, and the agent logs it once; it is never lost silently.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostria.agent.stats import StatsSettings
from ostria.api.scalars import Duration

_KNOWN: Final = frozenset(
    {
        "concurrency",
        "discoveryAddress",
        "drainDuration",
        "extraStatTags",
        "interceptionMode",
        "meshId",
        "proxyAdminPort",
        "proxyMetadata",
        "proxyStatsMatcher",
        "serviceCluster",
        "statusPort",
        "terminationDrainDuration",
    }
)

_OTHERS: Final = frozenset({"gatewayTopology", "holdApplicationUntilProxyStarts", "proxyHeaders"})
"""Fields that the control plane and the injector act on."""


class ProxyConfigError(ValueError):
    """The text is no ProxyConfig; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """Durations in seconds; None where nothing was said."""

    concurrency: int | None = None
    discovery_address: str = ""
    drain_duration: float = 45.0
    termination_drain_duration: float = 5.0
    interception_mode: str = ""
    mesh_id: str = ""
    admin_port: int = 15000
    status_port: int = 15020
    service_cluster: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    """`proxyMetadata`: environment of the agent, as if it had been set on its container."""
    stats: StatsSettings = field(default_factory=StatsSettings)
    unused: tuple[str, ...] = ()


def parse(text: str) -> ProxyConfig:
    """Empty text is a ProxyConfig that says nothing. Raise ProxyConfigError where the text can't be read."""
    if not text.strip():
        return ProxyConfig()
    document = _document(text)
    return ProxyConfig(
        concurrency=_integer(document, "concurrency", None),
        discovery_address=_string(document, "discoveryAddress"),
        drain_duration=_seconds(document, "drainDuration", 45.0),
        termination_drain_duration=_seconds(document, "terminationDrainDuration", 5.0),
        interception_mode=_string(document, "interceptionMode"),
        mesh_id=_string(document, "meshId"),
        admin_port=_integer(document, "proxyAdminPort", None) or 15000,
        status_port=_integer(document, "statusPort", None) or 15020,
        service_cluster=_string(document, "serviceCluster"),
        environment=_environment(document),
        stats=_stats(document),
        unused=tuple(sorted(set(document) - (_KNOWN | _OTHERS))),
    )


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = _yaml(text)
    if not isinstance(document, dict):
        raise ProxyConfigError("PROXY_CONFIG is not an object")
    return document


def _yaml(text: str) -> object:
    """People write YAML in `proxy.istio.io/config`; imported only then, because injection writes JSON and memory counts."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ProxyConfigError(f"PROXY_CONFIG is neither JSON nor YAML: {error}") from None


def _string(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise ProxyConfigError(f"PROXY_CONFIG.{name}: {value!r} is not a string")
    return value or ""


def _integer(document: Mapping[str, Any], name: str, otherwise: int | None) -> int | None:
    value = document.get(name, otherwise)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ProxyConfigError(f"PROXY_CONFIG.{name}: {value!r} is not a number from 0")
    return value


def _seconds(document: Mapping[str, Any], name: str, otherwise: float) -> float:
    text = _string(document, name)
    if not text:
        return otherwise
    try:
        return Duration.parse(text).seconds
    except ValueError as error:
        raise ProxyConfigError(f"PROXY_CONFIG.{name}: {error}") from None


def _environment(document: Mapping[str, Any]) -> dict[str, str]:
    found = document.get("proxyMetadata") or {}
    if not isinstance(found, dict):
        raise ProxyConfigError("PROXY_CONFIG.proxyMetadata is not a map")
    return {str(name): _scalar(value) for name, value in found.items()}


def _scalar(value: object) -> str:
    """YAML turns an unquoted `true` into a boolean; environments hold text."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _stats(document: Mapping[str, Any]) -> StatsSettings:
    matcher = document.get("proxyStatsMatcher") or {}
    if not isinstance(matcher, dict):
        raise ProxyConfigError("PROXY_CONFIG.proxyStatsMatcher is not a map")
    return StatsSettings(
        prefixes=_strings(matcher, "inclusionPrefixes"),
        suffixes=_strings(matcher, "inclusionSuffixes"),
        regexes=_strings(matcher, "inclusionRegexps"),
        extra_tags=_strings(document, "extraStatTags"),
    )


def _strings(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = document.get(name) or ()
    if isinstance(found, str) or not all(isinstance(item, str) for item in found):
        raise ProxyConfigError(f"PROXY_CONFIG.{name} is not a list of strings")
    return tuple(found)
