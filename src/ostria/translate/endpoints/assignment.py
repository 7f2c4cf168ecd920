"""Endpoints as Envoy wants them: grouped by locality, weighed, with the health and the metadata that balancing and telemetry use."""

from collections.abc import Iterable, Mapping

from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints

from ostria.registry.model import Endpoint, Health, Locality, Service
from ostria.translate.endpoints import metadata
from ostria.translate.endpoints.locality import LocalityBalancing, Proximity, arrange

_UNIX = "unix://"


def eligible(endpoints: Iterable[Endpoint], service: Service, labels: Mapping[str, str], node: str) -> list[Endpoint]:
    """The endpoints that clients of `service` may be sent to: those of the subset, ready (or never waited for), near enough."""
    return [
        endpoint
        for endpoint in endpoints
        if (endpoint.health is Health.HEALTHY or (service.publish_not_ready and endpoint.health is Health.UNHEALTHY))
        and all(endpoint.labels.get(name) == value for name, value in labels.items())
        and not (service.internal_traffic_local and endpoint.node != node)
    ]


def localities(endpoints: Iterable[Endpoint], balancing: LocalityBalancing | None, client: Proximity | None) -> list[LocalityLbEndpoints]:
    grouped: dict[Locality, list[Endpoint]] = {}
    for endpoint in endpoints:
        grouped.setdefault(endpoint.locality, []).append(endpoint)
    ordered = [grouped[locality] for locality in sorted(grouped)]
    groups = [_group(members) for members in ordered]
    return groups if balancing is None or client is None else arrange(groups, ordered, balancing, client)


def _group(members: list[Endpoint]) -> LocalityLbEndpoints:
    group = LocalityLbEndpoints()
    # Present even where it is empty: gRPC clients refuse a group without one.
    group.locality.SetInParent()
    group.locality.region, group.locality.zone, group.locality.sub_zone = members[0].locality
    group.lb_endpoints.extend(lb_endpoint(member) for member in members)
    group.load_balancing_weight.value = sum(member.weight or 1 for member in members)
    return group


def lb_endpoint(endpoint: Endpoint) -> LbEndpoint:
    envoy = LbEndpoint(health_status=HealthStatus.HEALTHY)
    address = envoy.endpoint.address
    if endpoint.address.startswith(_UNIX):
        address.pipe.path = endpoint.address.removeprefix(_UNIX)
    else:
        address.socket_address.address = endpoint.address
        address.socket_address.port_value = endpoint.port
    envoy.load_balancing_weight.value = endpoint.weight or 1
    metadata.fill(envoy.metadata, endpoint)
    return envoy
