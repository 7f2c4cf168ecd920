"""Addresses of pods and services as the mesh gives them out, and the file in its state that keeps them from one start to the next."""

import json
import os
from pathlib import Path

from ostria.api.kubernetes.service import Service
from ostria.local.network.addresses import Allocation, NetworkPair
from ostria.local.network.links import SERVICE_NETWORKS, Addresses, has_ipv6
from ostria.local.network.virtual_addresses import families


class AddressBook:
    """`book` names this kind of pod addresses in the file: a mesh without capture has others."""

    def __init__(self, path: Path, book: str, pod_networks: NetworkPair, *, pods_ipv6: bool) -> None:
        self._path = path
        self._book = book
        self._pods_ipv6 = pods_ipv6
        self._earlier = _read(path)
        self._kept = ""
        self._pods = Allocation(pod_networks, self._earlier.get(book))
        self._services = Allocation(SERVICE_NETWORKS, self._earlier.get("services"))

    def pod(self, namespace: str, name: str) -> Addresses:
        ipv4, ipv6 = self._pods.get(f"{namespace}/{name}")
        return Addresses(ipv4=ipv4, ipv6=ipv6 if self._pods_ipv6 and has_ipv6() else None)

    def service(self, service: Service) -> tuple[str, ...]:
        """Virtual addresses, none for headless and external services."""
        spec = service.spec
        if spec.type == "ExternalName" or spec.cluster_ip == "None":
            return ()
        name = f"{service.metadata.namespace}/{service.metadata.name}"
        if spec.cluster_ip:
            chosen = spec.cluster_ips or (spec.cluster_ip,)
            for address in chosen:
                self._services.reserve(address, name)
            return chosen
        both = self._services.get(name)
        return tuple(str(address) for address in both if f"IPv{address.version}" in families(service))

    def keep(self) -> None:
        """Write the file if anything is new. Raise OSError."""
        text = json.dumps({**self._earlier, self._book: self._pods.kept, "services": self._services.kept}, sort_keys=True)
        if text != self._kept:
            fresh = self._path.with_suffix(".new")
            fresh.write_text(text)
            os.replace(fresh, self._path)
            self._kept = text


def _read(path: Path) -> dict[str, dict[str, int]]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
