"""Clusters: one row per service port and subset."""

from collections.abc import Iterator
from typing import NamedTuple

from ostria.cli.proxy_config.dump import Json, configured_by, messages

HEADER = ("SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE")


class ClusterName(NamedTuple):
    direction: str
    port: str
    subset: str
    host: str


def split(name: str) -> ClusterName:
    """`outbound|9080|v1|reviews.default.svc.cluster.local` taken apart; any other name is a host alone."""
    parts = name.split("|")
    return ClusterName(*parts) if len(parts) == 4 else ClusterName("-", "-", "-", name)


def rows(dump: Json, fqdn: str = "", port: str = "", subset: str = "", direction: str = "") -> Iterator[tuple[str, ...]]:
    for cluster in sorted(messages(dump, "ClustersConfigDump"), key=lambda c: split(c["name"])[::-1]):
        name = split(cluster["name"])
        wanted = ((fqdn, name.host), (port, name.port), (subset, name.subset), (direction, name.direction))
        if all(not want or want == have for want, have in wanted):
            kind = cluster.get("type") or cluster.get("cluster_type", {}).get("name", "STATIC")
            yield (name.host, name.port, name.subset or "-", name.direction, kind, configured_by(cluster))
