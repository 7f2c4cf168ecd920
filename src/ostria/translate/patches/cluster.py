"""Patches of clusters."""

from collections.abc import Iterable

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TransportSocket
from google.protobuf import json_format

from ostria.api.networking.envoy_filter import ClusterMatch, EnvoyConfigObjectPatch
from ostria.translate.clusters.metadata import ISTIO
from ostria.translate.patches.entry import Entry
from ostria.translate.patches.merge import merge, merge_any


def patch(cluster: Cluster, entries: Iterable[Entry]) -> bool:
    """Change the cluster; False if it is to go."""
    for entry in entries:
        if entry.operation == "ADD" or not _matches(cluster, entry):
            continue
        entry.used = True
        if entry.operation == "REMOVE":
            return False
        if isinstance(entry.value, Cluster) and not _merge_socket(cluster, entry.value):
            merge(cluster, entry.value, replace_lists=entry.operation == "MERGE_AND_REPLACE_LIST")
    return True


def may_mean(patch: EnvoyConfigObjectPatch, name: str) -> bool:
    """Whether a patch changes an outbound cluster of that name."""
    operation = patch.patch.operation if patch.patch is not None else None
    wanted = patch.match.cluster if patch.match is not None else None
    port, subset, host = _parts(name)
    return operation != "ADD" and _fits(wanted, name, port, subset, [host])


def _matches(cluster: Cluster, entry: Entry) -> bool:
    port, subset, host = _parts(cluster.name)
    return _fits(entry.cluster, cluster.name, port, subset, [host] if host else _services(cluster))


def _fits(wanted: ClusterMatch | None, name: str, port: str, subset: str, hosts: list[str]) -> bool:
    if wanted is None:
        return True
    if wanted.name:
        return wanted.name == name
    return (
        (not wanted.subset or wanted.subset == subset)
        and (not wanted.service or wanted.service in hosts)
        and (not wanted.port_number or str(wanted.port_number) == port)
    )


def _parts(name: str) -> tuple[str, str, str]:
    """Port, subset and host of `outbound|PORT|SUBSET|HOST`, `inbound|PORT||` or `outbound_.PORT_.SUBSET_.HOST`; empty where there is none."""
    separator = "|" if "|" in name else "_."
    _, port, subset, host = [*name.split(separator, 3), "", "", ""][:4]
    return port, subset, host


def _services(cluster: Cluster) -> list[str]:
    """An inbound cluster's name has no host: its services stand in its metadata."""
    if ISTIO not in cluster.metadata.filter_metadata:
        return []
    istio = json_format.MessageToDict(cluster.metadata.filter_metadata[ISTIO])
    return [service["host"] for service in istio.get("services", ())]


def _merge_socket(cluster: Cluster, value: Cluster) -> bool:
    """A patch that brings a transport socket is about that alone: laid over the socket of the same name, or put in its place."""
    if not value.HasField("transport_socket"):
        return False
    wanted = value.transport_socket
    if cluster.transport_socket_matches:
        sockets = (m.transport_socket for m in cluster.transport_socket_matches)
        found = next((s for s in sockets if s.name == wanted.name), None)
        # Beside a choice of sockets Envoy takes no single one, so a socket of another name has no place here.
        if found is None:
            return True
    else:
        found = cluster.transport_socket if cluster.transport_socket.name == wanted.name else None
    if found is None:
        cluster.transport_socket.CopyFrom(wanted)
    else:
        merge_socket(found, wanted)
    return True


def merge_socket(target: TransportSocket, wanted: TransportSocket) -> None:
    if target.HasField("typed_config") and wanted.HasField("typed_config"):
        merge_any(target.typed_config, wanted.typed_config)
