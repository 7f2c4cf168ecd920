"""What of a client's place goes into keys: as little as its load balancing asks for, so that clients elsewhere share what they can."""

from ostria.registry.model import Service
from ostria.snapshot.view import View
from ostria.translate.endpoints.locality import Proximity, locality_balancing, topology
from ostria.translate.traffic_policy import Policy


def proximity(view: View, service: Service, policy: Policy) -> Proximity | None:
    """None where every client sees the endpoints alike."""
    balancing = locality_balancing(view.mesh, policy.load_balancer, service, outlier_detection=policy.outlier_detection is not None)
    if balancing is None:
        return None
    key = view.key
    wanted = balancing.priority_labels
    own = topology(dict(key.labels), key.locality, network=key.network, cluster="", node=key.node) if wanted else {}
    return Proximity(key.locality, tuple(sorted((name, value) for name, value in own.items() if name in wanted)))
