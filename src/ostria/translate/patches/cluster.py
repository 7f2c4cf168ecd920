"""Patches of clusters."""

from collections.abc import Iterable

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TransportSocket
from google.protobuf import json_format

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


def _matches(cluster: Cluster, entry: Entry) -> bool:
    wanted = entry.cluster
    if wanted is None:
        return True
    if wanted.name:
        return wanted.name == cluster.name
    port, subset, hosts = _parts(cluster)
    return (
        (not wanted.subset or wanted.subset == subset)
        and (not wanted.service or wanted.service in hosts)
        and (not wanted.port_number or str(wanted.port_number) == port)
    )


def _parts(cluster: Cluster) -> tuple[str, str, list[str]]:
    """Port, subset and hosts. An inbound cluster's name has no host: its services stand in its metadata."""
    direction, separator, rest = cluster.name.partition("|")
    if not separator:
        direction, _, rest = cluster.name.partition("_.")
        rest = rest.replace("_.", "|", 2)
    port, subset, host = [*rest.split("|", 2), "", ""][:3]
    if direction != "inbound":
        return port, subset, [host]
    istio = json_format.MessageToDict(cluster.metadata.filter_metadata[ISTIO]) if ISTIO in cluster.metadata.filter_metadata else {}
    return port, subset, [service["host"] for service in istio.get("services", ())]


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
