"""The ingress gateway that a mesh gets when its files bring none: an ordinary Deployment and Service, as Istio installs them."""

from collections.abc import Callable, Iterable

from ostria.api.kubernetes.container import Container, ContainerPort
from ostria.api.kubernetes.deployment import Deployment, DeploymentSpec
from ostria.api.kubernetes.pod import PodSpec, PodTemplateSpec
from ostria.api.kubernetes.selector import Selector
from ostria.api.kubernetes.service import Service, ServicePort, ServiceSpec
from ostria.api.meta import ObjectMeta
from ostria.api.networking.gateway import Gateway
from ostria.local.controllers.injection import INJECT, TEMPLATES

NAMESPACE, NAME = "istio-system", "istio-ingressgateway"
LABELS = {"app": NAME, "istio": "ingressgateway"}
_PORTS = (("status-port", 15021, 15021), ("http2", 80, 8080), ("https", 443, 8443), ("tcp", 31400, 31400), ("tls", 15443, 15443))


def wanted(deployments: Iterable[Deployment]) -> bool:
    """Whether nobody has brought an ingress gateway."""
    return not any(LABELS["istio"] == d.spec.template.metadata.labels.get("istio") for d in deployments)


def deployment() -> Deployment:
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels=LABELS | {INJECT: "true"}, annotations={TEMPLATES: "gateway"}),
        spec=PodSpec(
            containers=(Container(name="istio-proxy", image="auto", ports=_container_ports()),),
            service_account_name=f"{NAME}-service-account",
        ),
    )
    meta = ObjectMeta(name=NAME, namespace=NAMESPACE, labels=LABELS)
    return Deployment(
        api_version="apps/v1",
        kind="Deployment",
        metadata=meta,
        spec=DeploymentSpec(selector=Selector(match_labels=LABELS), template=template),
    )


def service(gateways: Iterable[Gateway], more: Iterable[int], target: Callable[[int, int], int]) -> Service:
    """With the ports that Gateways selecting it name, and those of `ostria.yaml`. `target` says where a port (with its usual target) is served."""
    ports = [ServicePort(name=name, port=port, target_port=target(port, usual)) for name, port, usual in _PORTS]
    # A Gateway may also name the port that the proxy usually listens on; where that is another one, it still means the same.
    moved = ((name, usual, target(port, usual)) for name, port, usual in _PORTS if usual != port)
    ports += [ServicePort(name=f"{name}-{usual}", port=usual, target_port=to) for name, usual, to in moved if to != usual]
    numbers = {port.port for port in ports}
    extra: dict[int, str] = {}
    for gateway in gateways:
        if gateway.spec.selector.items() <= LABELS.items():
            extra |= {server.port.number: server.port.protocol.lower() for server in gateway.spec.servers if server.port}
    extra |= dict.fromkeys(more, "tcp")
    ports += [
        ServicePort(name=f"{protocol}-{number}", port=number, target_port=target(number, number))
        for number, protocol in sorted(extra.items())
        if number not in numbers
    ]
    spec = ServiceSpec(type="LoadBalancer", selector=LABELS, ports=tuple(ports))
    return Service(api_version="v1", kind="Service", metadata=ObjectMeta(name=NAME, namespace=NAMESPACE, labels=LABELS), spec=spec)


def _container_ports() -> tuple[ContainerPort, ...]:
    return tuple(ContainerPort(name=name, container_port=target) for name, _, target in _PORTS if target != 15021)
