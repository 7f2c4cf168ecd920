"""outlierDetection: endpoints that fail are left alone for a while. Only what the rule names is enforced; success rates never are."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection as EnvoyOutlierDetection
from envoy.config.common.matcher.v3.matcher_pb2 import MatchPredicate

from ostria.api.networking.destination_rule import OutlierDetection
from ostria.registry.model import Service
from ostria.translate.clusters.protocol import HttpOptions
from ostria.translate.scalars import duration

_ALWAYS = 100


def apply(cluster: Cluster, options: HttpOptions, service: Service, settings: OutlierDetection | None) -> None:
    if settings is None:
        return
    envoy = cluster.outlier_detection
    envoy.enforcing_success_rate.value = 0
    _consecutive(envoy, settings)
    _local_origin(envoy, settings)
    if settings.interval is not None:
        envoy.interval.CopyFrom(duration(settings.interval))
    if settings.base_ejection_time is not None:
        envoy.base_ejection_time.CopyFrom(duration(settings.base_ejection_time))
    if settings.max_ejection_percent:
        envoy.max_ejection_percent.value = settings.max_ejection_percent
    _error_codes(options, settings.outlier_detection_http_error_codes)
    # Envoy would ignore health below 50 % healthy hosts ("panic"); with a few pods per service that is soon reached, so it is off by default.
    minimum = 0 if service.publish_not_ready else settings.min_health_percent or 0
    cluster.common_lb_config.healthy_panic_threshold.value = minimum


def _consecutive(envoy: EnvoyOutlierDetection, settings: OutlierDetection) -> None:
    """A count of 0 switches the check off."""
    errors = settings.consecutive5xx_errors
    if errors is not None:
        envoy.consecutive_5xx.value = errors
        envoy.enforcing_consecutive_5xx.value = _ALWAYS if errors else 0
    gateway = settings.consecutive_gateway_errors
    if gateway is not None:
        envoy.consecutive_gateway_failure.value = gateway
        envoy.enforcing_consecutive_gateway_failure.value = _ALWAYS if gateway else 0


def _local_origin(envoy: EnvoyOutlierDetection, settings: OutlierDetection) -> None:
    if not settings.split_external_local_origin_errors:
        return
    envoy.split_external_local_origin_errors = True
    envoy.enforcing_local_origin_success_rate.value = 0
    if settings.consecutive_local_origin_failures:
        envoy.consecutive_local_origin_failure.value = settings.consecutive_local_origin_failures
        envoy.enforcing_consecutive_local_origin_failure.value = _ALWAYS


def _error_codes(options: HttpOptions, codes: tuple[int, ...]) -> None:
    """Answers that count as errors, in place of the 5xx ones."""
    if not codes:
        return
    matcher = options.message.outlier_detection.error_matcher
    if len(codes) == 1:
        matcher.CopyFrom(_status(codes[0]))
    else:
        matcher.or_match.rules.extend(_status(code) for code in codes)


def _status(code: int) -> MatchPredicate:
    predicate = MatchPredicate()
    header = predicate.http_response_headers_match.headers.add(name=":status")
    header.string_match.exact = str(code)
    return predicate
