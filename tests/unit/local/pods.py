"""Small objects for stories about pods."""

from ostria.api.kubernetes.container import Container, ContainerPort
from ostria.api.kubernetes.deployment import Deployment, DeploymentSpec
from ostria.api.kubernetes.pod import Pod, PodCondition, PodSpec, PodStatus, PodTemplateSpec
from ostria.api.kubernetes.selector import Selector
from ostria.api.kubernetes.service import Service, ServicePort, ServiceSpec
from ostria.api.meta import ObjectMeta
from ostria.local.containers.fields import PodFacts


def template(image="app:1", labels=None, annotations=None, **spec) -> PodTemplateSpec:
    containers = spec.pop("containers", (Container(name="app", image=image),))
    meta = ObjectMeta(labels=labels or {"app": "web"}, annotations=annotations or {})
    return PodTemplateSpec(metadata=meta, spec=PodSpec(containers=containers, **spec))


def deployment(name="web", image="app:1", replicas=1, **spec) -> Deployment:
    found = DeploymentSpec(replicas=replicas, selector=Selector(match_labels={"app": name}), template=template(image), **spec)
    return Deployment(api_version="apps/v1", kind="Deployment", metadata=ObjectMeta(name=name, namespace="default"), spec=found)


def pod(name, address, *, labels=None, ready=True, namespace="default", ports=(), ending=False, **spec) -> Pod:
    conditions = (PodCondition(type="Ready", status="True" if ready else "False"),)
    container = Container(name="app", image="app:1", ports=tuple(ContainerPort(name=n, container_port=p) for n, p in ports))
    meta = ObjectMeta(
        name=name, namespace=namespace, labels=labels or {"app": "web"}, deletion_timestamp="2026-01-01T00:00:00Z" if ending else None
    )
    return Pod(
        api_version="v1",
        kind="Pod",
        metadata=meta,
        spec=PodSpec(containers=(container,), **spec),
        status=PodStatus(phase="Running", pod_ip=address, conditions=conditions),
    )


def service(name="web", ports=(("http", 80, None),), *, namespace="default", **spec) -> Service:
    made = tuple(ServicePort(name=n, port=p, target_port=t) for n, p, t in ports)
    selector = spec.pop("selector", {"app": "web"})
    meta = ObjectMeta(name=name, namespace=namespace)
    return Service(api_version="v1", kind="Service", metadata=meta, spec=ServiceSpec(selector=selector, ports=made, **spec))


def facts(**changes) -> PodFacts:
    found = {
        "namespace": "default",
        "name": "web-1",
        "uid": "u-1",
        "labels": {"app": "web"},
        "annotations": {"note": "a\nb"},
        "service_account": "web",
        "addresses": ("10.244.1.2", "fd00::2"),
        "node": "local",
        "node_address": "10.244.0.1",
    }
    return PodFacts(**(found | changes))
