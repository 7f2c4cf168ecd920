"""Pod: the unit that gets a sidecar, an address and an identity; and the template that controllers make pods from."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.references import LocalObjectReference
from ostria.api.kubernetes.volume import Volume
from ostria.api.meta import Message, ObjectMeta, Resource, Tolerant


class PodSecurityContext(Message):
    run_as_user: Annotated[int, Meta(ge=0)] | None = None
    run_as_group: Annotated[int, Meta(ge=0)] | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str | None = None
    fs_group: int | None = None
    fs_group_change_policy: str | None = None
    sysctls: tuple[dict[str, Any], ...] = ()
    se_linux_options: dict[str, Any] | None = None
    se_linux_change_policy: str | None = None
    windows_options: dict[str, Any] | None = None
    seccomp_profile: dict[str, Any] | None = None
    app_armor_profile: dict[str, Any] | None = None


class HostAlias(Message):
    ip: str
    hostnames: tuple[str, ...] = ()


class DNSOption(Message):
    name: str = ""
    value: str | None = None


class PodDNSConfig(Message):
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[DNSOption, ...] = ()


class PodSpec(Message):
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[dict[str, Any], ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always"
    termination_grace_period_seconds: Annotated[int, Meta(ge=0)] = 30
    active_deadline_seconds: Annotated[int, Meta(ge=1)] | None = None
    service_account_name: str = ""
    service_account: str = ""
    """The older name of serviceAccountName."""
    automount_service_account_token: bool | None = None
    node_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    hostname_override: str | None = None
    set_hostname_as_fqdn: bool | None = field(default=None, name="setHostnameAsFQDN")
    host_aliases: tuple[HostAlias, ...] = ()
    dns_policy: Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] = "ClusterFirst"
    dns_config: PodDNSConfig | None = None
    security_context: PodSecurityContext | None = None
    host_network: bool = False
    host_pid: bool = field(default=False, name="hostPID")
    host_ipc: bool = field(default=False, name="hostIPC")
    host_users: bool | None = None
    share_process_namespace: bool | None = None
    enable_service_links: bool = True
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    node_selector: dict[str, str] = {}
    affinity: dict[str, Any] | None = None
    tolerations: tuple[dict[str, Any], ...] = ()
    topology_spread_constraints: tuple[dict[str, Any], ...] = ()
    scheduler_name: str | None = None
    scheduling_gates: tuple[dict[str, Any], ...] = ()
    priority: int | None = None
    priority_class_name: str | None = None
    preemption_policy: str | None = None
    runtime_class_name: str | None = None
    overhead: dict[str, Any] = {}
    readiness_gates: tuple[dict[str, Any], ...] = ()
    resource_claims: tuple[dict[str, Any], ...] = ()
    resources: dict[str, Any] = {}
    os: dict[str, Any] | None = None

    @property
    def account(self) -> str:
        """The service account's name, with Kubernetes' default."""
        return self.service_account_name or self.service_account or "default"


class PodTemplateSpec(Message):
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PodSpec


class PodIP(Tolerant):
    ip: str


class PodCondition(Tolerant):
    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""


class PodStatus(Tolerant):
    phase: str = ""
    pod_ip: str = field(default="", name="podIP")
    pod_ips: tuple[PodIP, ...] = field(default=(), name="podIPs")
    host_ip: str = field(default="", name="hostIP")
    conditions: tuple[PodCondition, ...] = ()
    reason: str = ""
    message: str = ""

    @property
    def ready(self) -> bool:
        return any(c.type == "Ready" and c.status == "True" for c in self.conditions)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of the pod, the primary one first."""
        return tuple(dict.fromkeys([*([self.pod_ip] if self.pod_ip else []), *(p.ip for p in self.pod_ips)]))


class Pod(Resource):
    spec: PodSpec
    status: PodStatus | None = None
