"""A Kubernetes Service as a service of the mesh."""

from collections.abc import Mapping, Sequence

from ostria.api.kubernetes.service import Service as KubernetesService
from ostria.api.kubernetes.service import ServicePort
from ostria.api.meta import ObjectKey
from ostria.registry import protocols, visibility
from ostria.registry.hosts import service_host
from ostria.registry.model import Namespace, Port, Protocol, Resolution, Service
from ostria.registry.settings import Settings

EXPORT_TO = "networking.istio.io/exportTo"
TRAFFIC_DISTRIBUTION = "networking.istio.io/traffic-distribution"
_ACCOUNTS = "alpha.istio.io/kubernetes-serviceaccounts"
_CANONICAL_ACCOUNTS = "alpha.istio.io/canonical-serviceaccounts"


def convert(service: KubernetesService, allocated: Sequence[str], settings: Settings) -> Service:
    """`allocated` are the virtual addresses that IPAddress objects give it, for a service that states none itself."""
    meta, spec = service.metadata, service.spec
    headless = spec.cluster_ip == "None" or "None" in spec.cluster_ips
    external = spec.external_name if spec.type == "ExternalName" else ""
    return Service(
        owner=ObjectKey("Service", meta.namespace, meta.name),
        host=service_host(meta.name, meta.namespace, settings.domain),
        namespace=Namespace(meta.namespace),
        ports=tuple(p for p in map(_port, spec.ports) if p.protocol is not Protocol.UDP),
        addresses=() if headless or external else _addresses(service, allocated),
        resolution=Resolution.PASSTHROUGH if headless else Resolution.EDS,
        headless=headless,
        export_to=visibility.exported(_listed(meta.annotations, EXPORT_TO), meta.namespace, settings.service_export_to),
        labels=tuple(sorted(meta.labels.items())),
        selector=tuple(sorted(spec.selector.items())) if not external else (),
        accounts=_accounts(meta.annotations, meta.namespace, settings),
        created=meta.creation_timestamp or "",
        publish_not_ready=spec.publish_not_ready_addresses,
        internal_traffic_local=spec.internal_traffic_policy == "Local",
        external_name=external.rstrip(".").lower(),
        traffic_distribution=spec.traffic_distribution or _distribution(meta.annotations.get(TRAFFIC_DISTRIBUTION, "")),
    )


def _port(port: ServicePort) -> Port:
    target = port.target_port or port.port
    if isinstance(target, str) and target.isdigit():
        target = int(target)
    transport = "UDP" if port.protocol != "TCP" else "TCP"
    return Port(
        name=port.name, number=port.port, protocol=protocols.of_port(port.port, port.name, port.app_protocol, transport), target=target
    )


def _addresses(service: KubernetesService, allocated: Sequence[str]) -> tuple[str, ...]:
    spec = service.spec
    stated = dict.fromkeys((*([spec.cluster_ip] if spec.cluster_ip else []), *spec.cluster_ips))
    return tuple(stated) or tuple(allocated)


def _accounts(annotations: Mapping[str, str], namespace: str, settings: Settings) -> tuple[str, ...]:
    local = (settings.account(namespace, name) for name in _listed(annotations, _ACCOUNTS))
    return tuple(sorted({*local, *_listed(annotations, _CANONICAL_ACCOUNTS)}))


def _distribution(annotation: str) -> str:
    return "" if annotation in ("", "Any") else annotation


def _listed(annotations: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in annotations.get(name, "").split(",") if item.strip())
