"""Clusters of AUTO_PASSTHROUGH gateways: traffic that is already mutual TLS, sent on by its SNI without being opened."""

from collections.abc import Iterator
from dataclasses import replace

from ostria.snapshot.view import View
from ostria.translate.clusters import outbound
from ostria.translate.clusters.key import ClusterKey


def keys(view: View) -> Iterator[ClusterKey]:
    """One more for each cluster of services in the mesh, where some server passes through by SNI."""
    if any(s.server.tls is not None and s.server.tls.mode == "AUTO_PASSTHROUGH" for s in view.servers):
        yield from (replace(key, sni_dnat=True) for key in outbound.keys(view) if not key.service.external)
