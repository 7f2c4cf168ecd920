"""loadBalancer: which endpoint takes the next request. Least request, unless somebody says otherwise.

What a consistent hash is computed from stands at the route; here are only the ring and the table.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import RuntimeDouble
from envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.client_side_weighted_round_robin_pb2 import (
    ClientSideWeightedRoundRobin,
)
from envoy.type.v3.percent_pb2 import Percent

from ostria.api.networking.destination_rule import BackendUtilizationLB, ConsistentHashLB, LoadBalancerSettings
from ostria.registry.model import Service
from ostria.snapshot.view import Mesh
from ostria.translate.endpoints.locality import locality_balancing
from ostria.translate.scalars import duration

_RING_SIZE = 1024
_LINEAR = 1.0
_MINIMUM_PERCENT = 10.0


def apply(cluster: Cluster, mesh: Mesh, service: Service, settings: LoadBalancerSettings | None, *, outlier_detection: bool) -> None:
    balancing = locality_balancing(mesh, settings, service, outlier_detection=outlier_detection)
    if balancing is not None and balancing.weighs:
        cluster.common_lb_config.locality_weighted_lb_config.SetInParent()
    if service.publish_not_ready:
        cluster.common_lb_config.healthy_panic_threshold.value = 0
    if cluster.HasField("cluster_type") or cluster.type == Cluster.ORIGINAL_DST:
        cluster.lb_policy = Cluster.CLUSTER_PROVIDED
        return
    _algorithm(cluster, settings or LoadBalancerSettings())


def _algorithm(cluster: Cluster, settings: LoadBalancerSettings) -> None:
    if settings.consistent_hash is not None:
        _consistent_hash(cluster, settings.consistent_hash)
        return
    if settings.backend_utilization is not None:
        _backend_utilization(cluster, settings.backend_utilization)
        return
    match settings.simple:
        case "RANDOM":
            cluster.lb_policy = Cluster.RANDOM
        case "ROUND_ROBIN":
            cluster.lb_policy = Cluster.ROUND_ROBIN
            _slow_start(cluster.round_robin_lb_config.slow_start_config, settings) if _warms_up(settings) else None
        case _:
            cluster.lb_policy = Cluster.LEAST_REQUEST
            _slow_start(cluster.least_request_lb_config.slow_start_config, settings) if _warms_up(settings) else None


def _warms_up(settings: LoadBalancerSettings) -> bool:
    return settings.warmup is not None or settings.warmup_duration_secs is not None


def _slow_start(config: Cluster.SlowStartConfig, settings: LoadBalancerSettings) -> None:
    warmup = settings.warmup
    if warmup is None:
        if settings.warmup_duration_secs is not None:
            config.slow_start_window.CopyFrom(duration(settings.warmup_duration_secs))
        return
    config.slow_start_window.CopyFrom(duration(warmup.duration))
    # Envoy insists on a runtime key beside the value; this one is never set.
    config.aggression.CopyFrom(RuntimeDouble(default_value=warmup.aggression or _LINEAR, runtime_key="warmup.aggression"))
    percent = _MINIMUM_PERCENT if warmup.minimum_percent is None else warmup.minimum_percent
    config.min_weight_percent.CopyFrom(Percent(value=percent))


def _consistent_hash(cluster: Cluster, settings: ConsistentHashLB) -> None:
    if settings.maglev is not None:
        cluster.lb_policy = Cluster.MAGLEV
        if settings.maglev.table_size:
            cluster.maglev_lb_config.table_size.value = settings.maglev.table_size
        return
    cluster.lb_policy = Cluster.RING_HASH
    if settings.ring_hash is None:
        cluster.ring_hash_lb_config.minimum_ring_size.value = settings.minimum_ring_size or _RING_SIZE
    elif settings.ring_hash.minimum_ring_size:
        cluster.ring_hash_lb_config.minimum_ring_size.value = settings.ring_hash.minimum_ring_size


def _backend_utilization(cluster: Cluster, settings: BackendUtilizationLB) -> None:
    """Weights from what the backends report of their own load (ORCA)."""
    policy = ClientSideWeightedRoundRobin(metric_names_for_computing_utilization=settings.metric_names_for_computing_utilization)
    if settings.weight_stabilization_period is not None:
        policy.blackout_period.CopyFrom(duration(settings.weight_stabilization_period))
    if settings.weight_expiration_period is not None:
        policy.weight_expiration_period.CopyFrom(duration(settings.weight_expiration_period))
    if settings.weight_update_period is not None:
        policy.weight_update_period.CopyFrom(duration(settings.weight_update_period))
    if settings.error_utilization_penalty_percent is not None:
        policy.error_utilization_penalty.value = settings.error_utilization_penalty_percent / 100
    extension = cluster.load_balancing_policy.policies.add().typed_extension_config
    extension.name = "envoy.load_balancing_policies.client_side_weighted_round_robin"
    extension.typed_config.Pack(policy, deterministic=True)
