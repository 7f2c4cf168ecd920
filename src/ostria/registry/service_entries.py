"""A ServiceEntry as services of the mesh: one for each of its hosts."""

from collections.abc import Mapping
from dataclasses import replace

from ostria.api.meta import ObjectKey
from ostria.api.networking.service_entry import ServiceEntry, ServicePort
from ostria.registry import protocols, visibility
from ostria.registry.hosts import is_wildcard
from ostria.registry.kubernetes_services import TRAFFIC_DISTRIBUTION
from ostria.registry.model import Host, Namespace, Port, Protocol, Resolution, Service
from ostria.registry.settings import Settings

_RESOLUTIONS = {
    None: Resolution.PASSTHROUGH,
    "NONE": Resolution.PASSTHROUGH,
    "STATIC": Resolution.EDS,
    "DNS": Resolution.DNS,
    "DNS_ROUND_ROBIN": Resolution.DNS_ROUND_ROBIN,
    "DYNAMIC_DNS": Resolution.DYNAMIC_DNS,
}


def resolution(entry: ServiceEntry) -> Resolution:
    return _RESOLUTIONS[entry.spec.resolution]


def hosts(entry: ServiceEntry) -> tuple[Host, ...]:
    return tuple(dict.fromkeys(Host(host.lower()) for host in entry.spec.hosts))


def wants_addresses(entry: ServiceEntry) -> tuple[Host, ...]:
    """The hosts that get a virtual address, so that their TCP ports can be told apart from others' of the same number."""
    if entry.spec.addresses or resolution(entry) is Resolution.PASSTHROUGH:
        return ()
    if entry.metadata.labels.get("networking.istio.io/enable-autoallocate-ip") == "false":
        return ()
    return tuple(host for host in hosts(entry) if not is_wildcard(host))


def convert(entry: ServiceEntry, allocated: Mapping[Host, tuple[str, ...]], settings: Settings) -> tuple[Service, ...]:
    """`allocated`: the virtual addresses of those of its hosts that get some."""
    meta, spec = entry.metadata, entry.spec
    ports = tuple(p for p in map(_port, spec.ports) if p.protocol is not Protocol.UDP)
    shared = Service(
        owner=ObjectKey("ServiceEntry", meta.namespace, meta.name),
        host=Host(""),
        namespace=Namespace(meta.namespace),
        ports=ports,
        addresses=spec.addresses,
        resolution=resolution(entry),
        external=spec.location != "MESH_INTERNAL",
        export_to=visibility.exported(spec.export_to, meta.namespace, settings.service_export_to),
        labels=tuple(sorted(meta.labels.items())),
        selector=tuple(sorted(spec.workload_selector.labels.items())) if spec.workload_selector else (),
        accounts=tuple(sorted(spec.subject_alt_names)),
        created=meta.creation_timestamp or "",
        traffic_distribution=meta.annotations.get(TRAFFIC_DISTRIBUTION, ""),
    )
    return tuple(replace(shared, host=host, auto_addresses=allocated.get(host, ())) for host in hosts(entry))


def _port(port: ServicePort) -> Port:
    return Port(
        name=port.name,
        number=port.number,
        protocol=protocols.of_entry(port.number, port.name, port.protocol),
        target=port.target_port or port.number,
    )
