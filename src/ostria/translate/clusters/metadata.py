"""What a cluster says about itself: Istio's `filter_metadata.istio`, which telemetry, Kiali and EnvoyFilters read."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf.struct_pb2 import Struct

from ostria.registry.model import Port, Service
from ostria.snapshot.view import ResolvedDestinationRule
from ostria.translate import names

ISTIO = "istio"


def describe(
    cluster: Cluster, service: Service, port: Port, rule: ResolvedDestinationRule | None, subset: str, *, others: tuple[Service, ...] = ()
) -> None:
    istio = cluster.metadata.filter_metadata[ISTIO]
    istio["services"] = [service_of(each) for each in (service, *others)]
    istio["default_original_port"] = port.number
    if service.external:
        istio["external"] = True
    if rule is not None:
        _rule(istio, rule, subset)


def service_of(service: Service) -> dict[str, str]:
    """A Kubernetes service goes by its own name, one from a ServiceEntry by its host."""
    name = service.owner.name if service.owner.kind == "Service" else service.host
    return {"host": service.host, "name": name, "namespace": service.namespace}


def _rule(istio: Struct, rule: ResolvedDestinationRule, subset: str) -> None:
    owner = rule.owners[0]
    istio["config"] = names.config_path(rule.api_version, owner.namespace, "destination-rule", owner.name)
    if subset:
        istio["subset"] = subset
