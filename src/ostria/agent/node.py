"""Who a proxy says it is: Istio's environment becomes the node of Envoy's bootstrap.

`ISTIO_META_X` becomes metadata `X`, `ISTIO_METAJSON_X` its members; pods name themselves by POD_NAME, POD_NAMESPACE, INSTANCE_IP, SERVICE_ACCOUNT.
The control plane believes identity and labels from its registry, not from here; everything else (DNS capture, interception mode, generator) is here only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ostria.agent.proxy_config import ProxyConfig
from ostria.agent.stats import StatsSettings

_META: Final = "ISTIO_META_"
_META_JSON: Final = "ISTIO_METAJSON_"
ISTIO_VERSION: Final = "1.30.0"
"""The release of Istio whose node metadata this is: what `proxyVersion` of an EnvoyFilter matches, unless ISTIO_META_ISTIO_VERSION says otherwise."""
VIRTUAL_HOSTS: Final = "VHDS"
"""A sidecar takes its HTTP routes virtual host by virtual host, unless ISTIO_META_VHDS says `false` (docs/decisions/0007); control planes that
don't know this metadata send them whole."""
ON_DEMAND: Final = "ON_DEMAND"
"""A sidecar discovers on demand what is beyond its namespace, if ISTIO_META_ON_DEMAND says `true` (docs/decisions/0009)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    id: str
    cluster: str
    metadata: Mapping[str, object]
    locality: tuple[str, str, str]
    addresses: tuple[str, ...]

    @property
    def ready_port(self) -> int:
        return int(str(self.metadata["ENVOY_STATUS_PORT"]))

    @property
    def metrics_port(self) -> int:
        return int(str(self.metadata["ENVOY_PROMETHEUS_PORT"]))

    @property
    def ipv4(self) -> bool:
        return any(":" not in address for address in self.addresses) or not self.addresses

    @property
    def ipv6(self) -> bool:
        return any(":" in address for address in self.addresses)


class NodeError(ValueError):
    """The environment does not name a node; the message names the variable."""


def node(kind: str, environment: Mapping[str, str], proxy_config: ProxyConfig, *, domain: str = "cluster.local", mark: int = 0) -> Node:
    """`kind` is `sidecar` or `router`; values of `proxyMetadata` count as environment, the container's own come first. `mark`
    is told to the control plane, so that clusters with socket options of their own set it too."""
    env = {**proxy_config.environment, **environment}
    addresses = _addresses(env)
    name, namespace = _required(env, "POD_NAME"), _required(env, "POD_NAMESPACE")
    metadata = _metadata(env, proxy_config, addresses)
    if mark:
        metadata["OSTRIA_OUTBOUND_MARK"] = str(mark)
    if kind == "sidecar":
        metadata.setdefault(VIRTUAL_HOSTS, "true")
        _check_discovery(metadata)
    labels = metadata.get("LABELS")
    cluster = proxy_config.service_cluster or service_cluster(
        labels if isinstance(labels, Mapping) else {}, str(metadata.get("WORKLOAD_NAME", name)), namespace
    )
    node_id = f"{kind}~{addresses[0]}~{name}.{namespace}~{namespace}.svc.{env.get('CLUSTER_DOMAIN') or domain}"
    return Node(id=node_id, cluster=cluster, metadata=metadata, locality=_locality(env, labels), addresses=addresses)


def _check_discovery(metadata: Mapping[str, object]) -> None:
    """Raise NodeError for settings of which one would quietly undo the other."""
    wanted = {name: str(metadata.get(name, "false")).lower() for name in (VIRTUAL_HOSTS, ON_DEMAND)}
    if wanted[ON_DEMAND] not in ("true", "false"):
        raise NodeError(f"ISTIO_META_ON_DEMAND: {metadata[ON_DEMAND]!r} is neither true nor false")
    if wanted[ON_DEMAND] == "true" != wanted[VIRTUAL_HOSTS]:
        raise NodeError("ISTIO_META_ON_DEMAND needs virtual hosts one by one: take ISTIO_META_VHDS away, or set it to true")


def service_cluster(labels: Mapping[str, object], workload: str, namespace: str) -> str:
    """Envoy's `--service-cluster`: the canonical service of the workload, as dashboards group by it."""
    named = (labels.get("service.istio.io/canonical-name"), labels.get("app.kubernetes.io/name"), labels.get("app"), workload)
    return f"{next(str(label) for label in named if label)}.{namespace}"


def stats_settings(metadata: Mapping[str, object], proxy_config: ProxyConfig) -> StatsSettings:
    """Annotations come before ProxyConfig, list by list."""
    annotations = metadata.get("ANNOTATIONS")
    said: Mapping[str, object] = annotations if isinstance(annotations, Mapping) else {}
    base = proxy_config.stats
    return StatsSettings(
        prefixes=_listed(said, "sidecar.istio.io/statsInclusionPrefixes") or base.prefixes,
        suffixes=_listed(said, "sidecar.istio.io/statsInclusionSuffixes") or base.suffixes,
        regexes=_listed(said, "sidecar.istio.io/statsInclusionRegexps") or base.regexes,
        extra_tags=_listed(said, "sidecar.istio.io/extraStatTags") or base.extra_tags,
        buckets=_buckets(said),
    )


def _listed(annotations: Mapping[str, object], name: str) -> tuple[str, ...]:
    return tuple(item for part in str(annotations.get(name, "")).split(",") if (item := part.strip()))


def _buckets(annotations: Mapping[str, object]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    text = annotations.get("sidecar.istio.io/statsHistogramBuckets")
    if not text:
        return ()
    try:
        found = json.loads(str(text))
        return tuple((str(prefix), tuple(float(bound) for bound in bounds)) for prefix, bounds in found.items())
    except (ValueError, TypeError, AttributeError):
        raise NodeError("annotation sidecar.istio.io/statsHistogramBuckets: write a JSON map of prefixes to lists of numbers") from None


def _required(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise NodeError(f"{name} is not set: a proxy is named after its pod")
    return env[name]


def _addresses(env: Mapping[str, str]) -> tuple[str, ...]:
    text = env.get("INSTANCE_IPS") or env.get("INSTANCE_IP") or ""
    found = tuple(item.strip() for item in text.split(",") if item.strip())
    if not found:
        raise NodeError("INSTANCE_IP is not set: a proxy is known by its pod's address")
    return found


def _metadata(env: Mapping[str, str], proxy_config: ProxyConfig, addresses: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {
        "CLUSTER_ID": "Kubernetes",
        "ISTIO_VERSION": ISTIO_VERSION,
        "INTERCEPTION_MODE": proxy_config.interception_mode or "REDIRECT",
        "ENVOY_STATUS_PORT": _port(env, "ENVOY_STATUS_PORT", 15021),
        "ENVOY_PROMETHEUS_PORT": _port(env, "ENVOY_PROMETHEUS_PORT", 15090),
        "NAME": env.get("POD_NAME", ""),
        "NAMESPACE": env.get("POD_NAMESPACE", ""),
        "SERVICE_ACCOUNT": env.get("SERVICE_ACCOUNT", "default"),
        "INSTANCE_IPS": ",".join(addresses),
        "PILOT_SAN": ["istiod.istio-system.svc"],
    }
    if proxy_config.mesh_id:
        found["MESH_ID"] = proxy_config.mesh_id
    for name, value in env.items():
        if name.startswith(_META):
            found[name.removeprefix(_META)] = value
    for name, value in env.items():
        if name.startswith(_META_JSON):
            _merge(found, name, value)
    return found


def _port(env: Mapping[str, str], name: str, otherwise: int) -> int:
    text = env.get(name) or str(otherwise)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise NodeError(f"{name}: {text!r} is not a port")
    return int(text)


def _merge(found: dict[str, object], name: str, text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError:
        raise NodeError(f"{name} is not JSON") from None
    key = name.removeprefix(_META_JSON)
    old = found.get(key)
    found[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value


def _locality(env: Mapping[str, str], labels: object) -> tuple[str, str, str]:
    """A label `istio-locality` (dots for slashes) comes first, then ISTIO_META_LOCALITY `region/zone/subzone`."""
    label = labels.get("istio-locality") if isinstance(labels, Mapping) else None
    text = str(label).replace(".", "/") if label else env.get("ISTIO_META_LOCALITY", "")
    region, zone, sub_zone, *_ = [*text.split("/"), "", "", ""]
    return region, zone, sub_zone
