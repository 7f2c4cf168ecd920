"""Clusters whose members are found by DNS, by the proxy itself."""

from typing import NamedTuple

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2 import ClusterConfig
from envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2 import DnsCacheConfig

from ostria.api.networking.destination_rule import ClientTLSSettings
from ostria.snapshot.view import Mesh
from ostria.translate.clusters.protocol import HttpOptions
from ostria.translate.filters.proto import pack
from ostria.translate.prepared import content_version
from ostria.translate.scalars import duration

_JITTER_NANOS = 100_000_000


class Families(NamedTuple):
    ipv4: bool
    ipv6: bool


def look_up(cluster: Cluster, mesh: Mesh, *, ipv4: bool, ipv6: bool) -> None:
    cluster.dns_lookup_family = lookup_family(ipv4=ipv4, ipv6=ipv6)
    cluster.dns_refresh_rate.CopyFrom(duration(mesh.config.dns_refresh_rate))
    cluster.dns_jitter.nanos = _JITTER_NANOS
    cluster.respect_dns_ttl = True


def lookup_family(*, ipv4: bool, ipv6: bool) -> Cluster.DnsLookupFamily.ValueType:
    if ipv4 and ipv6:
        return Cluster.ALL
    # An IPv6-only pod usually still reaches IPv4 through its own loopback-ish interface, as Istio assumes.
    return Cluster.ALL if ipv6 else Cluster.V4_ONLY


def dns_cache(mesh: Mesh, families: Families) -> DnsCacheConfig:
    """The cache that a dynamic cluster shares with the listener's filter: both must configure it alike, to the last field.

    Envoy never lets go of a cache, and refuses other settings under its name; so other settings get another name.
    """
    cache = DnsCacheConfig(dns_lookup_family=lookup_family(ipv4=families.ipv4, ipv6=families.ipv6))
    cache.dns_refresh_rate.CopyFrom(duration(mesh.config.dns_refresh_rate))
    cache.name = f"dynamic_forward_proxy_cache_config-{content_version(cache.SerializeToString(deterministic=True))}"
    return cache


def dynamic(cluster: Cluster, options: HttpOptions, mesh: Mesh, tls: ClientTLSSettings | None, families: Families) -> None:
    """A cluster that resolves the requested host itself. Envoy wants its certificate checked against that host, or to be told that it is not."""
    names_fixed = tls is not None and bool(tls.insecure_skip_verify or tls.sni)
    if not names_fixed:
        options.message.upstream_http_protocol_options.auto_sni = True
        options.message.upstream_http_protocol_options.auto_san_validation = True
    config = ClusterConfig(dns_cache_config=dns_cache(mesh, families), allow_insecure_cluster_options=names_fixed)
    cluster.cluster_type.name = "envoy.clusters.dynamic_forward_proxy"
    cluster.cluster_type.typed_config.CopyFrom(pack(config))
    cluster.lb_policy = Cluster.CLUSTER_PROVIDED
