"""How the members of a cluster are found: the service's resolution, unless the load balancer says that the client chooses."""

from enum import Enum, auto

from ostria.registry.model import Resolution, Service
from ostria.snapshot.view import ProxyType
from ostria.translate.traffic_policy import Policy


class Discovery(Enum):
    EDS = auto()
    STRICT_DNS = auto()
    LOGICAL_DNS = auto()
    ORIGINAL_DST = auto()
    DYNAMIC_DNS = auto()
    """A cluster extension (dynamic forward proxy), not one of Envoy's own types."""


def discovery(service: Service, policy: Policy, client: ProxyType) -> Discovery:
    balancer = policy.load_balancer
    if balancer is not None and balancer.simple == "PASSTHROUGH":
        return Discovery.ORIGINAL_DST
    match service.resolution:
        case Resolution.EDS:
            return Discovery.EDS
        case Resolution.DNS:
            return Discovery.STRICT_DNS
        case Resolution.DNS_ROUND_ROBIN:
            return Discovery.LOGICAL_DNS
        case Resolution.DYNAMIC_DNS:
            return Discovery.DYNAMIC_DNS
        case Resolution.PASSTHROUGH:
            # A gateway's clients dial the gateway, so there is no original destination to go to.
            return Discovery.EDS if client is ProxyType.ROUTER else Discovery.ORIGINAL_DST
