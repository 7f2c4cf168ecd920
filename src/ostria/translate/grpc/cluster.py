"""EDS clusters for gRPC clients. There is no choice of sockets by endpoint, so mutual TLS is used only where a rule says ISTIO_MUTUAL."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, UpstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from ostria.translate import names
from ostria.translate.built import Built
from ostria.translate.clusters import metadata
from ostria.translate.clusters.key import ClusterKey
from ostria.translate.clusters.outbound import name_of, origins_of, policy_of
from ostria.translate.filters.tls import client_socket
from ostria.translate.scalars import duration
from ostria.translate.traffic_policy import Policy

_PROVIDER = "default"


def build(key: ClusterKey) -> Built:
    policy = policy_of(key)
    cluster = Cluster(name=name_of(key), type=Cluster.EDS)
    cluster.eds_cluster_config.service_name = cluster.name
    cluster.eds_cluster_config.eds_config.ads.SetInParent()
    cluster.eds_cluster_config.eds_config.resource_api_version = ApiVersion.V3
    cluster.connect_timeout.CopyFrom(duration(key.client.mesh.config.connect_timeout))
    cluster.lb_policy = Cluster.RING_HASH if _hashes(policy) else Cluster.ROUND_ROBIN
    http = policy.connection_pool.http if policy.connection_pool is not None else None
    if http is not None and http.http2_max_requests:
        cluster.circuit_breakers.thresholds.add().max_requests.value = http.http2_max_requests
    if policy.tls is not None and policy.tls.mode == "ISTIO_MUTUAL":
        cluster.transport_socket.CopyFrom(client_socket(_context(key, policy)))
    metadata.describe(cluster, key.service, key.port, key.rule, key.subset)
    return Built(cluster.name, cluster, origins_of(key), ((names.EDS, cluster.name),))


def _hashes(policy: Policy) -> bool:
    return policy.load_balancer is not None and policy.load_balancer.consistent_hash is not None


def _context(key: ClusterKey, policy: Policy) -> UpstreamTlsContext:
    common = CommonTlsContext()
    own = common.tls_certificate_provider_instance
    own.instance_name, own.certificate_name = _PROVIDER, names.WORKLOAD_CERTIFICATE
    validation = common.combined_validation_context.default_validation_context
    roots = validation.ca_certificate_provider_instance
    roots.instance_name, roots.certificate_name = _PROVIDER, names.ROOT_CERTIFICATE
    declared = policy.tls.subject_alt_names if policy.tls is not None else ()
    peers = declared or sorted(key.accounts.union(key.service.accounts))
    # gRPC knows only this older field.
    validation.match_subject_alt_names.extend(StringMatcher(exact=peer) for peer in peers)
    if not peers:
        domain = key.client.mesh.trust_domain
        validation.match_subject_alt_names.append(StringMatcher(prefix=f"spiffe://{domain}/"))
    return UpstreamTlsContext(common_tls_context=common)
