"""Outbound clusters: one for each visible service port and one more for each of its subsets."""

from collections.abc import Iterator

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.config_source_pb2 import ApiVersion

from ostria.api.meta import ObjectKey
from ostria.api.networking.destination_rule import Subset
from ostria.registry.model import Endpoint, EndpointSet, Port, Protocol, Service, TlsMode
from ostria.snapshot.view import ResolvedDestinationRule, View
from ostria.translate import names
from ostria.translate.built import Built
from ostria.translate.clusters import connection_pool, dns, load_balancer, metadata, outlier, sockets, stat_name, tls
from ostria.translate.clusters.discovery import Discovery, discovery
from ostria.translate.clusters.key import Client, ClusterKey
from ostria.translate.clusters.protocol import HttpOptions, preserves_header_case, upgrades_to_http2, upstream_protocol
from ostria.translate.endpoints.assignment import eligible, localities
from ostria.translate.endpoints.locality import locality_balancing
from ostria.translate.proximity import proximity
from ostria.translate.traffic_policy import Policy, find_subset, resolve


def client_of(view: View) -> Client:
    key = view.key
    return Client(type=key.type, mesh=view.mesh, ipv4=key.ipv4, ipv6=key.ipv6, outbound_mark=key.outbound_mark)


def keys(view: View) -> Iterator[ClusterKey]:
    client = client_of(view)
    for service in view.services():
        yield from service_keys(view, client, service, view.destination_rule(service.host))


def service_keys(view: View, client: Client, service: Service, rule: ResolvedDestinationRule | None) -> Iterator[ClusterKey]:
    """All clusters of one service. One that only stands for another host is routed as that one and has none."""
    if service.external_name:
        return
    subsets = ("", *(s.name for s in rule.spec.subsets)) if rule is not None else ("",)
    for port in service.ports:
        if port.protocol is not Protocol.UDP:
            endpoints = view.endpoints(service, port)
            made = (_key(view, client, service, port, rule, subset, endpoints) for subset in subsets)
            yield from (key for key in made if key.endpoints is None or _members(key))


def _key(
    view: View, client: Client, service: Service, port: Port, rule: ResolvedDestinationRule | None, subset: str, endpoints: EndpointSet
) -> ClusterKey:
    policy = resolve(rule.spec if rule is not None else None, port.number, subset)
    found_by = discovery(service, policy, client.type)
    by_dns = found_by in (Discovery.STRICT_DNS, Discovery.LOGICAL_DNS)
    return ClusterKey(
        client=client,
        service=service,
        port=port,
        subset=subset,
        rule=rule,
        accounts=endpoints.accounts,
        mutual=found_by is Discovery.ORIGINAL_DST and _all_mutual(endpoints),
        endpoints=endpoints if by_dns else None,
        proximity=proximity(view, service, policy) if by_dns else None,
    )


def _all_mutual(endpoints: EndpointSet) -> bool:
    return bool(endpoints.endpoints) and all(e.tls_mode is TlsMode.ISTIO for e in endpoints.endpoints)


def name_of(key: ClusterKey) -> str:
    name = names.dns_srv_cluster if key.sni_dnat else names.outbound_cluster
    return name(key.port.number, key.subset, key.service.host)


def origins_of(key: ClusterKey) -> tuple[ObjectKey, ...]:
    return (key.service.owner, *(key.rule.owners if key.rule is not None else ()))


def policy_of(key: ClusterKey) -> Policy:
    return resolve(key.rule.spec if key.rule is not None else None, key.port.number, key.subset)


def discovery_of(key: ClusterKey) -> Discovery:
    return discovery(key.service, policy_of(key), key.client.type)


def subset_of(key: ClusterKey) -> Subset | None:
    return find_subset(key.rule.spec, key.subset) if key.rule is not None else None


def build(key: ClusterKey) -> Built:
    """Raise ValueError if the settings contradict each other; a cluster that can't be built as asked is not built otherwise."""
    policy = policy_of(key)
    cluster = Cluster(name=name_of(key))
    options = HttpOptions()
    mesh = key.client.mesh
    cluster.alt_stat_name = _stat_name(key, cluster.name)
    cluster.common_lb_config.SetInParent()
    requires = _find_members(cluster, options, key, policy)
    upstream_protocol(options, key.port, key.client.type, preserve_case=preserves_header_case(mesh))
    if upgrades_to_http2(mesh, key.port, policy.connection_pool):
        options.http2()
    connection_pool.apply(cluster, options, mesh, policy.connection_pool, policy.retry_budget)
    outlier.apply(cluster, options, key.service, policy.outlier_detection)
    load_balancer.apply(cluster, mesh, key.service, policy.load_balancer, outlier_detection=policy.outlier_detection is not None)
    if not key.sni_dnat:
        tls.apply(cluster, options, key, policy.tls)
        requires += tls.secrets(key, policy.tls)
        tls.wrap_proxy_protocol(cluster, policy.proxy_protocol)
    options.attach(cluster)
    sockets.mark(cluster, key.client.outbound_mark)
    metadata.describe(cluster, key.service, key.port, key.rule, key.subset)
    return Built(cluster.name, cluster, origins_of(key), requires)


def _stat_name(key: ClusterKey, name: str) -> str:
    pattern = key.client.mesh.config.outbound_cluster_stat_name
    return stat_name.patterned(pattern, key.service, key.port, subset=key.subset) if pattern else stat_name.delimited(name)


def _find_members(cluster: Cluster, options: HttpOptions, key: ClusterKey, policy: Policy) -> tuple[tuple[str, str], ...]:
    match discovery(key.service, policy, key.client.type):
        case Discovery.EDS:
            cluster.type = Cluster.EDS
            eds = cluster.eds_cluster_config
            eds.service_name = cluster.name
            eds.eds_config.ads.SetInParent()
            eds.eds_config.resource_api_version = ApiVersion.V3
            # Waits without limit: a cluster without its endpoints is of no use.
            eds.eds_config.initial_fetch_timeout.SetInParent()
            return ((names.EDS, cluster.name),)
        case Discovery.DYNAMIC_DNS:
            dns.dynamic(cluster, options, key.client.mesh, policy.tls, dns.Families(key.client.ipv4, key.client.ipv6))
        case Discovery.ORIGINAL_DST:
            cluster.type = Cluster.ORIGINAL_DST
            if isinstance(key.port.target, int) and key.port.target != key.port.number and key.service.owner.kind == "ServiceEntry":
                cluster.original_dst_lb_config.upstream_port_override.value = key.port.target
        case Discovery.STRICT_DNS | Discovery.LOGICAL_DNS as by_dns:
            cluster.type = Cluster.LOGICAL_DNS if by_dns is Discovery.LOGICAL_DNS else Cluster.STRICT_DNS
            dns.look_up(cluster, key.client.mesh, ipv4=key.client.ipv4, ipv6=key.client.ipv6)
            _inline(cluster, key, policy, single=by_dns is Discovery.LOGICAL_DNS)
    return ()


def _members(key: ClusterKey) -> list[Endpoint]:
    """Those that stand in the cluster itself. A cluster that finds its members by DNS needs at least one name to look up."""
    subset = subset_of(key)
    found = key.endpoints.endpoints if key.endpoints is not None else ()
    return eligible(found, key.service, subset.labels if subset is not None else {}, "")


def _inline(cluster: Cluster, key: ClusterKey, policy: Policy, *, single: bool) -> None:
    members = _members(key)
    balancing = locality_balancing(
        key.client.mesh, policy.load_balancer, key.service, outlier_detection=policy.outlier_detection is not None
    )
    cluster.load_assignment.cluster_name = cluster.name
    cluster.load_assignment.endpoints.extend(localities(members[:1] if single else members, balancing, key.proximity))
