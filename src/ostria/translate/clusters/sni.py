"""Clusters of AUTO_PASSTHROUGH gateways: traffic that is already mutual TLS, sent on by its SNI without being opened."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ostria.snapshot.view import View
from ostria.translate.clusters.key import ClusterKey


def passes_through(view: View) -> bool:
    return any(s.server.tls is not None and s.server.tls.mode == "AUTO_PASSTHROUGH" for s in view.servers)


def twins(keys: Iterable[ClusterKey]) -> Iterator[ClusterKey]:
    """One more for each cluster of a service in the mesh."""
    yield from (replace(key, sni_dnat=True) for key in keys if not key.service.external)
