"""Which rules judge which kind: one list."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.daemon_set import DaemonSet
from ostria.api.kubernetes.deployment import Deployment
from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.endpoints import Endpoints
from ostria.api.kubernetes.ip_address import IPAddress
from ostria.api.kubernetes.job import Job
from ostria.api.kubernetes.pod import Pod
from ostria.api.kubernetes.secret import Secret
from ostria.api.kubernetes.service import Service
from ostria.api.kubernetes.stateful_set import StatefulSet
from ostria.api.meta import Resource
from ostria.api.networking.destination_rule import DestinationRule
from ostria.api.networking.envoy_filter import EnvoyFilter
from ostria.api.networking.gateway import Gateway
from ostria.api.networking.proxy_config import ProxyConfig
from ostria.api.networking.service_entry import ServiceEntry
from ostria.api.networking.sidecar import Sidecar
from ostria.api.networking.virtual_service import VirtualService
from ostria.api.networking.workload_entry import WorkloadEntry
from ostria.api.networking.workload_group import WorkloadGroup
from ostria.api.problem import Issue
from ostria.api.security.authorization_policy import AuthorizationPolicy
from ostria.api.security.peer_authentication import PeerAuthentication
from ostria.api.security.request_authentication import RequestAuthentication
from ostria.api.telemetry.telemetry import Telemetry
from ostria.config.validate.authorization_policy import authorization_policy_issues
from ostria.config.validate.data import config_map_issues, secret_issues
from ostria.config.validate.destination_rule import destination_rule_issues
from ostria.config.validate.envoy_filter import envoy_filter_issues
from ostria.config.validate.gateway import gateway_issues
from ostria.config.validate.metadata import metadata_issues
from ostria.config.validate.peer_authentication import peer_authentication_issues
from ostria.config.validate.proxy_config import proxy_config_issues
from ostria.config.validate.request_authentication import request_authentication_issues
from ostria.config.validate.service import endpoint_slice_issues, endpoints_issues, ip_address_issues, service_issues
from ostria.config.validate.service_entry import service_entry_issues
from ostria.config.validate.sidecar import sidecar_issues
from ostria.config.validate.telemetry import telemetry_issues
from ostria.config.validate.virtual_service import virtual_service_issues
from ostria.config.validate.workload_entry import workload_entry_issues
from ostria.config.validate.workload_group import workload_group_issues
from ostria.config.validate.workloads import controller_issues, job_issues, single_pod_issues

_RULES: Mapping[type[Resource], Callable[[Any], Iterator[Issue]]] = {
    AuthorizationPolicy: authorization_policy_issues,
    ConfigMap: config_map_issues,
    DaemonSet: controller_issues,
    Deployment: controller_issues,
    DestinationRule: destination_rule_issues,
    EndpointSlice: endpoint_slice_issues,
    Endpoints: endpoints_issues,
    EnvoyFilter: envoy_filter_issues,
    Gateway: gateway_issues,
    IPAddress: ip_address_issues,
    Job: job_issues,
    PeerAuthentication: peer_authentication_issues,
    Pod: single_pod_issues,
    ProxyConfig: proxy_config_issues,
    RequestAuthentication: request_authentication_issues,
    Secret: secret_issues,
    Service: service_issues,
    ServiceEntry: service_entry_issues,
    Sidecar: sidecar_issues,
    StatefulSet: controller_issues,
    Telemetry: telemetry_issues,
    VirtualService: virtual_service_issues,
    WorkloadEntry: workload_entry_issues,
    WorkloadGroup: workload_group_issues,
}


def validate(resource: Resource) -> Iterator[Issue]:
    """Every issue of one object, in the order of its fields as far as that is sensible."""
    yield from metadata_issues(resource)
    rules = _RULES.get(type(resource))
    if rules is not None:
        yield from rules(resource)
