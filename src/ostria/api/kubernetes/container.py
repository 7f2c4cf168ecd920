"""Container: one process of a pod."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ostria.api.kubernetes.environment import EnvFromSource, EnvVar
from ostria.api.kubernetes.probe import Lifecycle, Probe
from ostria.api.kubernetes.service import PortNumber
from ostria.api.meta import Message


class ContainerPort(Message):
    name: str = ""
    container_port: PortNumber
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    host_port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    host_ip: str | None = field(default=None, name="hostIP")


class VolumeMount(Message):
    name: str
    mount_path: str
    read_only: bool = False
    sub_path: str = ""
    sub_path_expr: str = ""
    mount_propagation: str | None = None
    recursive_read_only: str | None = None


class Capabilities(Message):
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SecurityContext(Message):
    """What one container may do; set fields win over the pod's."""

    run_as_user: Annotated[int, Meta(ge=0)] | None = None
    run_as_group: Annotated[int, Meta(ge=0)] | None = None
    run_as_non_root: bool | None = None
    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    read_only_root_filesystem: bool | None = None
    capabilities: Capabilities | None = None
    proc_mount: str | None = None
    se_linux_options: dict[str, Any] | None = None
    windows_options: dict[str, Any] | None = None
    seccomp_profile: dict[str, Any] | None = None
    app_armor_profile: dict[str, Any] | None = None


class Container(Message):
    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[dict[str, Any], ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    restart_policy: str | None = None
    """`Always` on an init container makes it a sidecar."""
    restart_policy_rules: tuple[dict[str, Any], ...] = ()
    security_context: SecurityContext | None = None
    resources: dict[str, Any] = {}
    resize_policy: tuple[dict[str, Any], ...] = ()
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
