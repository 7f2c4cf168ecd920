"""Everything an agent is told, read once from flags and Istio's environment, and what follows from it for Envoy. Pure: no files, no clock.

Flags say what differs per process (sockets, descriptors), the environment what injection says of the pod.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from ostria.agent.bootstrap import BootstrapConfig
from ostria.agent.envoy import EnvoyCommand
from ostria.agent.node import Node, node, stats_settings
from ostria.agent.probes_table import Probe, parse_probes
from ostria.agent.proxy_config import ProxyConfig, parse
from ostria.agent.scrape_target import AppMetrics, app_metrics
from ostria.api.scalars import Duration

MAX_SOCKET_PATH: Final = 107
"""What fits into `sockaddr_un`, without the terminating zero."""
XDS_SOCKET: Final = "xds.sock"
CONTROL_SOCKET: Final = "agent.sock"
DNS_PORT: Final = 15053
ENVOY_DNS_PORT: Final = 15054
"""Where Envoy itself asks when only a mark tells its sockets: c-ares sets none, and the mesh's own answers are not for Envoy."""

DEFAULT_DISCOVERY: Final = "istiod.istio-system.svc:15012"
DEFAULT_AUTHORITY: Final = "istiod.istio-system.svc"
_DEFAULT_TTL: Final = "24h"


class KeyType(StrEnum):
    ECDSA = "ECDSA"
    RSA = "RSA"


class SettingsError(ValueError):
    """What can't be; the message names the flag or variable and what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`authority` is the name that the control plane's certificate must carry; `root_file` None means no TLS (loopback and tests only)."""

    target: str
    root_file: Path | None
    authority: str = ""

    def verified_name(self) -> str:
        """The host of the address where it is a name, else the control plane's own service."""
        if self.authority:
            return self.authority
        host = self.target.removeprefix("dns:///").rpartition(":")[0].strip("[]")
        try:
            ip_address(host)
        except ValueError:
            return host
        return DEFAULT_AUTHORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The command line. Empty or None: take it from the environment, or the default."""

    kind: str = "sidecar"
    socket_dir: Path = Path("/etc/istio/proxy")
    discovery: str = ""
    authority: str = ""
    root_cert: Path | None = Path("/var/run/secrets/istio/root-cert.pem")
    token_file: Path | None = Path("/var/run/secrets/tokens/istio-token")
    token_fd: int | None = None
    domain: str = "cluster.local"
    run_envoy: bool = True
    envoy: str = ""
    concurrency: int | None = None
    envoy_log_level: str = "warning"
    envoy_component_log_level: str = "misc:error"
    log_as_json: bool = False
    ready_fd: int | None = None
    mark: int = 0
    local_only: bool = False
    """Bind to loopback only: for a proxy without a network namespace of its own."""
    drain_minimum: float = 0.0
    key_type: KeyType = KeyType.ECDSA


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    flags: Flags
    node: Node
    proxy_config: ProxyConfig
    discovery: Address
    authority: Address
    """Where certificates come from; nearly always the same as `discovery`."""
    spiffe_id: str
    validity: int
    dns_capture: bool
    concurrency: int
    drain_maximum: float
    probes: Mapping[str, Probe] = field(default_factory=dict)
    app_metrics: AppMetrics | None = None
    grpc_bootstrap: Path | None = None

    @property
    def xds_socket(self) -> str:
        return str(self.flags.socket_dir / XDS_SOCKET)

    @property
    def control_socket(self) -> str:
        return str(self.flags.socket_dir / CONTROL_SOCKET)

    @property
    def bootstrap_file(self) -> Path:
        return self.flags.socket_dir / "envoy.json"


def settings(flags: Flags, environment: Mapping[str, str]) -> Settings:
    """Raise ValueError (SettingsError and its kin in the other readers) with a message for the user."""
    _check_paths(flags)
    proxy_config = parse(environment.get("PROXY_CONFIG", ""))
    env = {**proxy_config.environment, **environment}
    found = node(flags.kind, environment, proxy_config, domain=flags.domain, mark=flags.mark)
    discovery = _discovery(flags, env, proxy_config)
    namespace, account = str(found.metadata["NAMESPACE"]), str(found.metadata["SERVICE_ACCOUNT"])
    concurrency = proxy_config.concurrency if flags.concurrency is None else flags.concurrency
    return Settings(
        flags=flags,
        node=found,
        proxy_config=proxy_config,
        discovery=discovery,
        authority=_authority(discovery, env),
        spiffe_id=f"spiffe://{env.get('TRUST_DOMAIN') or flags.domain}/ns/{namespace}/sa/{account}",
        validity=_seconds("SECRET_TTL", env.get("SECRET_TTL") or _DEFAULT_TTL),
        dns_capture=str(found.metadata.get("DNS_CAPTURE", "")).lower() == "true",
        concurrency=2 if concurrency is None else concurrency,
        drain_maximum=_drain_maximum(env, proxy_config),
        probes=parse_probes(env.get("ISTIO_KUBE_APP_PROBERS", "")),
        app_metrics=app_metrics(
            env.get("ISTIO_PROMETHEUS_ANNOTATIONS", ""), (proxy_config.status_port, found.metrics_port, proxy_config.admin_port)
        ),
        grpc_bootstrap=Path(env["GRPC_XDS_BOOTSTRAP"]) if env.get("GRPC_XDS_BOOTSTRAP") else None,
    )


def bootstrap_config(found: Settings) -> BootstrapConfig:
    forward_dns = found.dns_capture and bool(found.flags.mark)
    localhost = "127.0.0.1" if found.node.ipv4 else "::1"
    return BootstrapConfig(
        node_id=found.node.id,
        cluster=found.node.cluster,
        metadata=found.node.metadata,
        locality=found.node.locality,
        socket=found.xds_socket,
        ipv4=found.node.ipv4,
        ipv6=found.node.ipv6,
        admin_port=found.proxy_config.admin_port,
        status_port=found.proxy_config.status_port,
        ready_port=found.node.ready_port,
        metrics_port=found.node.metrics_port,
        local_only=found.flags.local_only,
        mark=found.flags.mark,
        dns_resolver=(localhost, ENVOY_DNS_PORT) if forward_dns else None,
        stats=stats_settings(found.node.metadata, found.proxy_config),
        json_log=found.flags.log_as_json,
    )


def envoy_command(found: Settings, path: str) -> EnvoyCommand:
    return EnvoyCommand(
        path=path,
        bootstrap=str(found.bootstrap_file),
        concurrency=found.concurrency,
        log_level=found.flags.envoy_log_level,
        component_log_level=found.flags.envoy_component_log_level,
        json_log=found.flags.log_as_json,
        drain_time=found.proxy_config.drain_duration,
        ipv6_only=not found.node.ipv4,
    )


def _check_paths(flags: Flags) -> None:
    for name in (XDS_SOCKET, CONTROL_SOCKET):
        path = str(flags.socket_dir / name)
        if len(path.encode()) > MAX_SOCKET_PATH:
            raise SettingsError(f"--socket-dir {flags.socket_dir}: {path} is longer than {MAX_SOCKET_PATH} bytes; choose a shorter folder")


def _discovery(flags: Flags, env: Mapping[str, str], proxy_config: ProxyConfig) -> Address:
    target = flags.discovery or proxy_config.discovery_address or DEFAULT_DISCOVERY
    if not target.rpartition(":")[0]:
        raise SettingsError(f"--discovery {target}: write HOST:PORT")
    return Address(
        target=target, root_file=Path(env["XDS_ROOT_CA"]) if env.get("XDS_ROOT_CA") else flags.root_cert, authority=flags.authority
    )


def _authority(discovery: Address, env: Mapping[str, str]) -> Address:
    target = env.get("CA_ADDR") or discovery.target
    if target == discovery.target and not env.get("CA_ROOT_CA"):
        return discovery
    return Address(
        target=target, root_file=Path(env["CA_ROOT_CA"]) if env.get("CA_ROOT_CA") else discovery.root_file, authority=env.get("CA_SNI", "")
    )


def _drain_maximum(env: Mapping[str, str], proxy_config: ProxyConfig) -> float:
    text = env.get("TERMINATION_DRAIN_DURATION_SECONDS", "")
    if not text:
        return proxy_config.termination_drain_duration
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"TERMINATION_DRAIN_DURATION_SECONDS: {text!r} is not a number of seconds") from None


def _seconds(name: str, text: str) -> int:
    try:
        return round(Duration.parse(text).seconds)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
