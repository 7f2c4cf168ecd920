"""How a pod's sidecar (or gateway) is set up: capture rules, the agent's environment, when the app may start. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ostria.api.kubernetes.pod import PodTemplateSpec
from ostria.capture.annotations import config as capture_config
from ostria.capture.config import CaptureConfig, Destination, InterceptionMode
from ostria.capture.rules import Ruleset, rules
from ostria.config.proxy_config import laid_over, written
from ostria.local.containers.fields import PodFacts
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import PodPlan
from ostria.local.network.links import GATEWAYS
from ostria.local.pods.machine import PROXY_MARK, Mode
from ostria.local.pods.uncaptured import proxy_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    kind: str
    rules: Ruleset
    transparent: bool
    """TPROXY: Envoy needs the right to use other addresses than its own."""
    hold: bool
    """The app waits until its proxy is ready."""
    discovery: str
    proxy_config: Mapping[str, Any]
    metadata: Mapping[str, object]
    proxyless: bool
    """No Envoy: the app itself asks the agent, by the bootstrap file in its folder."""
    variables: Mapping[str, str]
    ports: Mapping[str, int]
    """Of the proxy itself, by the names in `uncaptured.PROXY_PORTS`; empty where every pod has all ports."""

    def environment(self, facts: PodFacts, plan: PodPlan) -> dict[str, str]:
        """The variables that Istio's injection gives to a proxy."""
        found = {
            "POD_NAME": facts.name,
            "POD_NAMESPACE": facts.namespace,
            "INSTANCE_IP": facts.addresses[0],
            "INSTANCE_IPS": ",".join(facts.addresses),
            "SERVICE_ACCOUNT": facts.service_account,
            "HOST_IP": facts.node_address,
            "PROXY_CONFIG": json.dumps(dict(self.proxy_config)),
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_META_NODE_NAME": facts.node,
            "ISTIO_META_WORKLOAD_NAME": plan.workload,
            "ISTIO_META_OWNER": f"kubernetes://apis/apps/v1/namespaces/{plan.namespace}/{plan.owner.kind.lower()}s/{plan.workload}",
            "ISTIO_META_MESH_ID": "cluster.local",
            "ISTIO_META_APP_CONTAINERS": ",".join(c.name for c in plan.template.spec.containers),
            "ISTIO_METAJSON_LABELS": json.dumps(dict(facts.labels)),
            "ISTIO_METAJSON_ANNOTATIONS": json.dumps(_annotations(facts.annotations)),
            **self.variables,
        }
        for name, value in self.metadata.items():
            found[f"ISTIO_META_{name}"] = value if isinstance(value, str) else json.dumps(value)
        return found


def plan_sidecar(
    injection: Injection,
    template: PodTemplateSpec,
    mode: Mode,
    default_config: Mapping[str, Any],
    *,
    ipv6: bool,
    control_plane: tuple[str, ...],
    discovery: str,
    ports: Mapping[str, int],
) -> Sidecar:
    """Raise ValueError for annotations that can't be honoured: capture must be what it says, or not be at all."""
    own = laid_over(default_config, written(template.metadata.annotations))
    metadata: dict[str, object] = {}
    if ports:
        own |= {"proxyAdminPort": ports["admin"], "statusPort": ports["status"]}
    environment = own.get("proxyMetadata") or {}
    port = int(discovery.rpartition(":")[2])
    base = CaptureConfig(
        envoy_mark=None if mode.many_users else PROXY_MARK,
        envoy_uid=1337 if mode.many_users else None,
        envoy_gid=1337 if mode.many_users else None,
        mode=InterceptionMode(own.get("interceptionMode") or "REDIRECT"),
        dns_servers=_dns(environment),
        exclude_destinations=() if mode.many_users else tuple(Destination(address, port) for address in control_plane),
        ipv6=ipv6,
    )
    config, problems = capture_config(template.metadata.annotations, base)
    if problems:
        raise ValueError("; ".join(map(str, problems)))
    nothing = injection.router or injection.proxyless or not mode.capturing
    if injection.proxyless:
        metadata["GENERATOR"] = "grpc"
    metadata["INTERCEPTION_MODE"] = "NONE" if not mode.capturing else str(config.mode)
    return Sidecar(
        kind="router" if injection.router else "sidecar",
        rules=Ruleset(families=()) if nothing else rules(config),
        transparent=config.mode is InterceptionMode.TPROXY and not nothing,
        hold=bool(own.get("holdApplicationUntilProxyStarts")),
        discovery=discovery,
        proxy_config=own,
        metadata=metadata,
        proxyless=injection.proxyless,
        variables=proxy_environment(ports) if ports else {},
        ports=ports,
    )


def _dns(environment: Mapping[str, Any]) -> tuple[str, ...]:
    captured = str(environment.get("ISTIO_META_DNS_CAPTURE", "")).lower() == "true"
    return tuple(str(gateway) for gateway in GATEWAYS) if captured else ()


def _annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in annotations.items() if name != "kubectl.kubernetes.io/last-applied-configuration"}
