"""Every kind of object that Ostria reads, on one page: its group, served versions, names and type.

Below them the kinds that it knows by name only: those that mean nothing where there is no cluster, and those that it refuses.
"""

from dataclasses import dataclass

from ostria.api.extensions.traffic_extension import TrafficExtension
from ostria.api.extensions.wasm_plugin import WasmPlugin
from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.daemon_set import DaemonSet
from ostria.api.kubernetes.deployment import Deployment
from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.endpoints import Endpoints
from ostria.api.kubernetes.ip_address import IPAddress
from ostria.api.kubernetes.job import Job
from ostria.api.kubernetes.namespace import Namespace
from ostria.api.kubernetes.node import Node
from ostria.api.kubernetes.pod import Pod
from ostria.api.kubernetes.secret import Secret
from ostria.api.kubernetes.service import Service
from ostria.api.kubernetes.service_account import ServiceAccount
from ostria.api.kubernetes.stateful_set import StatefulSet
from ostria.api.meta import ObjectKey, Resource
from ostria.api.networking.destination_rule import DestinationRule
from ostria.api.networking.envoy_filter import EnvoyFilter
from ostria.api.networking.gateway import Gateway
from ostria.api.networking.proxy_config import ProxyConfig
from ostria.api.networking.service_entry import ServiceEntry
from ostria.api.networking.sidecar import Sidecar
from ostria.api.networking.virtual_service import VirtualService
from ostria.api.networking.workload_entry import WorkloadEntry
from ostria.api.networking.workload_group import WorkloadGroup
from ostria.api.security.authorization_policy import AuthorizationPolicy
from ostria.api.security.peer_authentication import PeerAuthentication
from ostria.api.security.request_authentication import RequestAuthentication
from ostria.api.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """`versions` are those that are served, the preferred one first."""

    type: type[Resource]
    group: str
    versions: tuple[str, ...]
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def name(self) -> str:
        return self.type.__name__

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def api_versions(self) -> tuple[str, ...]:
        return tuple(f"{self.group}/{v}" if self.group else v for v in self.versions)


_NETWORKING, _SECURITY, _ALL = "networking.istio.io", "security.istio.io", ("v1", "v1beta1", "v1alpha3")

KINDS: tuple[Kind, ...] = (
    Kind(DestinationRule, _NETWORKING, _ALL, "destinationrules", ("dr",)),
    Kind(EnvoyFilter, _NETWORKING, ("v1alpha3",), "envoyfilters"),
    Kind(Gateway, _NETWORKING, _ALL, "gateways", ("gw",)),
    Kind(ProxyConfig, _NETWORKING, ("v1beta1",), "proxyconfigs"),
    Kind(ServiceEntry, _NETWORKING, _ALL, "serviceentries", ("se",)),
    Kind(Sidecar, _NETWORKING, _ALL, "sidecars"),
    Kind(VirtualService, _NETWORKING, _ALL, "virtualservices", ("vs",)),
    Kind(WorkloadEntry, _NETWORKING, _ALL, "workloadentries", ("we",)),
    Kind(WorkloadGroup, _NETWORKING, _ALL, "workloadgroups", ("wg",)),
    Kind(AuthorizationPolicy, _SECURITY, ("v1", "v1beta1"), "authorizationpolicies", ("ap",)),
    Kind(PeerAuthentication, _SECURITY, ("v1", "v1beta1"), "peerauthentications", ("pa",)),
    Kind(RequestAuthentication, _SECURITY, ("v1", "v1beta1"), "requestauthentications", ("ra",)),
    Kind(Telemetry, "telemetry.istio.io", ("v1", "v1alpha1"), "telemetries"),
    Kind(TrafficExtension, "extensions.istio.io", ("v1alpha1",), "trafficextensions"),
    Kind(WasmPlugin, "extensions.istio.io", ("v1alpha1",), "wasmplugins"),
    Kind(ConfigMap, "", ("v1",), "configmaps", ("cm",)),
    Kind(Endpoints, "", ("v1",), "endpoints", ("ep",)),
    Kind(Namespace, "", ("v1",), "namespaces", ("ns",), namespaced=False),
    Kind(Node, "", ("v1",), "nodes", ("no",), namespaced=False),
    Kind(Pod, "", ("v1",), "pods", ("po",)),
    Kind(Secret, "", ("v1",), "secrets"),
    Kind(Service, "", ("v1",), "services", ("svc",)),
    Kind(ServiceAccount, "", ("v1",), "serviceaccounts", ("sa",)),
    Kind(DaemonSet, "apps", ("v1",), "daemonsets", ("ds",)),
    Kind(Deployment, "apps", ("v1",), "deployments", ("deploy",)),
    Kind(StatefulSet, "apps", ("v1",), "statefulsets", ("sts",)),
    Kind(Job, "batch", ("v1",), "jobs"),
    Kind(EndpointSlice, "discovery.k8s.io", ("v1",), "endpointslices"),
    Kind(IPAddress, "networking.k8s.io", ("v1",), "ipaddresses", ("ip",), namespaced=False),
)

BY_NAME: dict[str, Kind] = {k.name: k for k in KINDS}
BY_TYPE: dict[type[Resource], Kind] = {k.type: k for k in KINDS}
BY_API: dict[tuple[str, str], Kind] = {(api, k.name): k for k in KINDS for api in k.api_versions}
SECURITY = frozenset({"AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"})
"""Kinds that close something: refusing one silently would open the mesh."""

_GATEWAY_API = "Ostria does not read the Gateway API yet; write an Istio Gateway and VirtualService instead"
_CLUSTER_STORAGE = "there is no cluster storage on one machine; use an emptyDir volume"

REFUSED_KINDS: dict[tuple[str, str], str] = {
    **{
        ("gateway.networking.k8s.io", kind): _GATEWAY_API
        for kind in ("BackendTLSPolicy", "GatewayClass", "Gateway", "GRPCRoute", "HTTPRoute", "ListenerSet", "ReferenceGrant", "TCPRoute")
    },
    **{("gateway.networking.k8s.io", kind): _GATEWAY_API for kind in ("TLSRoute", "UDPRoute")},
    **{("gateway.networking.x-k8s.io", kind): _GATEWAY_API for kind in ("XBackendTrafficPolicy", "XBackend", "XMesh", "XListenerSet")},
    ("networking.k8s.io", "Ingress"): "Ostria does not read Ingress; write an Istio Gateway and VirtualService instead",
    ("networking.k8s.io", "NetworkPolicy"): "Ostria does not enforce NetworkPolicy; write an AuthorizationPolicy instead",
    ("", "PersistentVolume"): _CLUSTER_STORAGE,
    ("", "PersistentVolumeClaim"): _CLUSTER_STORAGE,
    ("", "ReplicationController"): "write a Deployment instead",
    ("apps", "ReplicaSet"): "write a Deployment instead",
    ("batch", "CronJob"): "Ostria has no timetable; write a Job instead",
}
"""(group, kind) of objects that would mean something but that Ostria can't do, with what to do instead."""

KINDS_WITHOUT_MEANING: frozenset[tuple[str, str]] = frozenset(
    {
        ("", "Event"),
        ("", "LimitRange"),
        ("", "PodTemplate"),
        ("", "ResourceQuota"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("coordination.k8s.io", "Lease"),
        ("monitoring.coreos.com", "PodMonitor"),
        ("monitoring.coreos.com", "PrometheusRule"),
        ("monitoring.coreos.com", "ServiceMonitor"),
        ("networking.k8s.io", "IngressClass"),
        ("networking.k8s.io", "ServiceCIDR"),
        ("node.k8s.io", "RuntimeClass"),
        ("policy", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "CSIDriver"),
        ("storage.k8s.io", "StorageClass"),
    }
)
"""(group, kind) of objects that speak to a cluster's own machinery: skipped, and said so."""


def named(word: str) -> Kind | None:
    """The kind that a command line means: kind, singular, plural or short name, whatever the case, with or without the group."""
    name, _, group = word.lower().partition(".")
    for kind in KINDS:
        if name in (kind.singular, kind.plural, *kind.short) and (not group or group == kind.group):
            return kind
    return None


def key_of(resource: Resource) -> ObjectKey:
    """What the object is called in the store; a namespaced object must already have its namespace."""
    kind = BY_TYPE[type(resource)]
    return ObjectKey(kind.name, resource.metadata.namespace if kind.namespaced else "", resource.metadata.name)
