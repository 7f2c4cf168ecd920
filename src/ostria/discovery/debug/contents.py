"""Pages about the mesh itself, in Istio's shapes: objects, services, endpoints, policies. Functions of a snapshot and the store."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from ostria.api.encode import builtin, plain
from ostria.config.store import Store, Stored
from ostria.discovery.debug.streams import Json
from ostria.registry.model import Endpoint, EndpointSet, Resolution, Service
from ostria.snapshot.snapshots import Snapshot

_RESOLUTION = {Resolution.EDS: 0, Resolution.DNS: 1, Resolution.PASSTHROUGH: 2, Resolution.DNS_ROUND_ROBIN: 3, Resolution.DYNAMIC_DNS: 4}
"""Istio's numbers: ClientSideLB, DNSLB, Passthrough, DNSRoundRobinLB."""
_ISTIO = (".istio.io/", "gateway.networking.k8s.io/")


def configz(store: Store) -> list[object]:
    """Istio's own objects, as they were read."""
    return [plain(each.object) for each in _stored(store) if any(group in each.object.api_version for group in _ISTIO)]


def resourcesz(store: Store) -> Json:
    """The kinds that have objects, with their names."""
    found: dict[str, list[object]] = defaultdict(list)
    for each in _stored(store):
        found[each.key.kind].append(f"{each.key.namespace}/{each.key.name}" if each.key.namespace else each.key.name)
    return found


def registryz(snapshot: Snapshot) -> list[object]:
    return [_service(each) for services in snapshot.world.services.by_host.values() for each in services]


def endpointz(snapshot: Snapshot) -> list[object]:
    return [
        {"svc": f"{found.host}:{found.port.name}", "ep": [_endpoint(each, found) for each in found.endpoints]}
        for found, _ in _endpoint_sets(snapshot)
    ]


def endpoint_shardz(snapshot: Snapshot) -> Json:
    shards: dict[str, dict[str, object]] = defaultdict(dict)
    accounts: dict[tuple[str, str], set[str]] = defaultdict(set)
    addresses: dict[tuple[str, str], list[object]] = defaultdict(list)
    for found, namespace in _endpoint_sets(snapshot):
        accounts[found.host, namespace] |= found.accounts
        addresses[found.host, namespace] += [_endpoint(each, found) for each in found.endpoints]
    for (host, namespace), endpoints in addresses.items():
        known = sorted(accounts[host, namespace])
        shards[host][namespace] = {"Shards": {"Kubernetes/Kubernetes": endpoints}, "ServiceAccounts": {account: {} for account in known}}
    return shards


def authorizationz(snapshot: Snapshot, store: Store) -> Json:
    by_namespace: dict[str, list[object]] = defaultdict(list)
    for each in store.list("AuthorizationPolicy"):
        by_namespace[each.key.namespace].append(
            {"name": each.key.name, "namespace": each.key.namespace, "spec": plain(each.object).get("spec", {})}
        )
    return {"authorization_policies": {"namespace_to_policies": by_namespace, "root_namespace": snapshot.mesh.root_namespace}}


def telemetryz(snapshot: Snapshot, store: Store) -> Json:
    by_namespace: dict[str, list[object]] = defaultdict(list)
    for each in store.list("Telemetry"):
        by_namespace[each.key.namespace].append(
            {"name": each.key.name, "namespace": each.key.namespace, "spec": plain(each.object).get("spec", {})}
        )
    return {"namespace_to_telemetries": by_namespace, "root_namespace": snapshot.mesh.root_namespace}


def mesh(snapshot: Snapshot) -> object:
    return msgspec.to_builtins(snapshot.mesh.config, enc_hook=builtin)


def _stored(store: Store) -> Iterator[Stored]:
    return (each for kind in store.kinds() for each in store.list(kind))


def _endpoint_sets(snapshot: Snapshot) -> Iterator[tuple[EndpointSet, str]]:
    for (_, namespace), ports in snapshot.world.endpoints.items():
        for found in ports.values():
            yield found, namespace


def _service(service: Service) -> Mapping[str, object]:
    addresses = list(service.addresses or service.auto_addresses)
    return {
        "Attributes": {
            "ServiceRegistry": "External" if service.owner.kind == "ServiceEntry" else "Kubernetes",
            "Name": service.owner.name,
            "Namespace": service.namespace,
            "Labels": dict(service.labels),
            "ExportTo": {each: {} for each in sorted(service.export_to)},
            "LabelSelectors": dict(service.selector),
        },
        "ports": [{"name": each.name, "port": each.number, "protocol": each.protocol.value} for each in service.ports],
        "creationTime": service.created or None,
        "hostname": service.host,
        "clusterVIPs": {"Addresses": {"Kubernetes": addresses}} if addresses else {},
        "defaultAddress": addresses[0] if addresses else "0.0.0.0",
        "Resolution": _RESOLUTION[service.resolution],
        "MeshExternal": service.external,
    }


def _endpoint(endpoint: Endpoint, of: EndpointSet) -> Mapping[str, object]:
    workload = endpoint.workload
    return {
        "Labels": dict(endpoint.labels),
        "Address": endpoint.address,
        "ServicePortName": of.port.name,
        "ServiceAccount": endpoint.service_account,
        "Network": endpoint.network,
        "Locality": {"Label": "/".join(part for part in endpoint.locality if part), "ClusterID": "Kubernetes"},
        "EndpointPort": endpoint.port,
        "LbWeight": endpoint.weight,
        "TLSMode": endpoint.tls_mode.value,
        "Namespace": workload.namespace if workload else "",
        "WorkloadName": workload.workload_name if workload else "",
        "HostName": endpoint.hostname,
        "NodeName": endpoint.node,
        "HealthStatus": endpoint.health.value,
    }
