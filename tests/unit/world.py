"""Worlds for tests: YAML in, a snapshot out, and the proxies that live there.

`world(yaml)` makes a snapshot of the objects in the text. Services with a selector get the EndpointSlices that Kubernetes would give them, unless the text has
some. `pod(...)` and `deployment(...)` write Pod objects, so that a test says only what matters to it.
"""

import json
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from ostria.api import decode, documents
from ostria.api.kubernetes.endpoint_slice import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from ostria.api.kubernetes.pod import Pod
from ostria.api.kubernetes.references import ObjectReference
from ostria.api.kubernetes.service import Service, ServicePort
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import ObjectKey, ObjectMeta, Resource
from ostria.config.memory import MemorySource
from ostria.config.store import Change, Store
from ostria.registry.model import Host, Namespace
from ostria.snapshot.snapshots import Snapshot, Snapshots
from ostria.snapshot.view import Inbound, Proxy, ProxyType, View

_SLICES = "endpointslice-controller.k8s.io"


def objects(text: str) -> list[Resource]:
    """The objects of a YAML text; an object that can't be decoded fails the test with its mistakes."""
    found = []
    for document in documents.read(text):
        assert not document.faults, document.faults
        for item in decode.objects(document.data):
            assert item.resource is not None, item.issues
            found.append(item.resource)
    return found


def mesh_config(settings: Mapping[str, Any] | MeshConfig | None) -> MeshConfig:
    if isinstance(settings, MeshConfig):
        return settings
    config, issues = decode.message(dict(settings or {}), MeshConfig)
    assert config is not None, issues
    return config


class Village:
    """A store and its snapshots. `put` and `delete` change it; `snapshot` is always the newest."""

    def __init__(self, text: str = "", mesh: Mapping[str, Any] | MeshConfig | None = None) -> None:
        self.store = Store()
        self.mesh = mesh_config(mesh)
        self.snapshots = Snapshots(lambda store: self.mesh)
        self._source = MemorySource(self.store)
        self._changes: list[Change] = []
        self.store.subscribe(self._changes.extend)
        self.snapshot = self.put(text)

    def put(self, *texts: str) -> Snapshot:
        """Add or replace objects; endpoint slices follow."""
        self._source.put(*(item for text in texts for item in objects(text)))
        return self._advance()

    def delete(self, kind: str, name: str, namespace: str = "default") -> Snapshot:
        self._source.delete([ObjectKey(kind, namespace, name)])
        return self._advance()

    def set_mesh(self, **settings: Any) -> Snapshot:
        self.mesh = mesh_config(settings)
        self.snapshot = self.snapshots.advance(self.store, (), mesh_changed=True)
        return self.snapshot

    def proxy(self, name: str, namespace: str = "default", **claims: Any) -> Proxy:
        return self.snapshot.complete(proxy(name, namespace, **claims))

    def view(self, name: str, namespace: str = "default", **claims: Any) -> View:
        return self.snapshot.view(self.snapshot.view_key(self.proxy(name, namespace, **claims)))

    def inbound(self, name: str, namespace: str = "default", **claims: Any) -> Inbound:
        return self.snapshot.inbound(self.proxy(name, namespace, **claims))

    def _advance(self) -> Snapshot:
        made = {s.key: s for s in self.store.list("EndpointSlice") if s.object.metadata.labels.get("made-by") == _SLICES}
        wanted = {(p.metadata.namespace, p.metadata.name): p for p in slices(self.store)}
        self._source.delete([key for key in made if (key.namespace, key.name) not in wanted])
        self._source.put(*wanted.values())
        changes, self._changes[:] = tuple(self._changes), []
        self.snapshot = self.snapshots.advance(self.store, changes)
        return self.snapshot


def world(text: str, mesh: Mapping[str, Any] | MeshConfig | None = None) -> Snapshot:
    return Village(text, mesh).snapshot


def proxy(name: str, namespace: str = "default", **claims: Any) -> Proxy:
    """A sidecar (or `type=ProxyType.ROUTER`) as its node introduces itself; `Snapshot.complete` fills in the rest."""
    facts: dict[str, Any] = {
        "id": f"{name}.{namespace}",
        "type": ProxyType.SIDECAR,
        "namespace": Namespace(namespace),
        "name": name,
        "addresses": ("10.9.9.9",),
        "dns_domain": f"{namespace}.svc.cluster.local",
        "labels": {},
        "service_account": "default",
        **claims,
    }
    return Proxy(**facts)


def router(name: str = "istio-ingressgateway", namespace: str = "istio-system", **claims: Any) -> Proxy:
    return proxy(name, namespace, type=ProxyType.ROUTER, **claims)


def view_of(snapshot: Snapshot, claims: Proxy) -> View:
    return snapshot.view(snapshot.view_key(snapshot.complete(claims)))


def host(name: str, namespace: str = "default") -> Host:
    return Host(f"{name}.{namespace}.svc.cluster.local")


def pod(
    name: str,
    ip: str,
    namespace: str = "default",
    *,
    labels: Mapping[str, str] | None = None,
    account: str = "default",
    injected: bool = True,
    ready: bool = True,
    ports: Iterable[tuple[str, int]] = (),
    annotations: Mapping[str, str] | None = None,
    node: str = "",
    **spec: Any,
) -> str:
    """A Pod as a YAML document; its label `app` is its name up to the first `-` unless labels are given."""
    status = {"sidecar.istio.io/status": "{}"} if injected else {}
    speaks = {"security.istio.io/tlsMode": "istio"} if injected else {}
    return (
        "---\n"
        + json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": speaks | dict({"app": name.partition("-")[0]} if labels is None else labels),
                    "annotations": {**status, **(annotations or {})},
                },
                "spec": {
                    "containers": [{"name": "app", "image": "app", "ports": [{"name": n, "containerPort": p} for n, p in ports]}],
                    "serviceAccountName": account,
                    "nodeName": node,
                    **spec,
                },
                "status": {
                    "phase": "Running",
                    "podIP": ip,
                    "podIPs": [{"ip": ip}],
                    "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                },
            }
        )
        + "\n"
    )


def service(
    name: str,
    *ports: tuple[str, int] | tuple[str, int, int | str],
    namespace: str = "default",
    ip: str = "",
    selector: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    created: str = "",
    **spec: Any,
) -> str:
    """A Service as a YAML document; it selects `app: NAME` unless told otherwise. Ports: (name, number[, target])."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "annotations": dict(annotations or {})}
    if created:
        metadata["creationTimestamp"] = created
    declared = [{"name": p[0], "port": p[1], "targetPort": p[2] if len(p) > 2 else p[1]} for p in ports]
    body: dict[str, Any] = {"ports": declared, "selector": dict({"app": name} if selector is None else selector), **spec}
    if ip:
        body["clusterIP"] = ip
    return "---\n" + json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body}) + "\n"


def slices(store: Store) -> list[EndpointSlice]:
    """What Kubernetes' controller makes of services with selectors, where the store has no slices by hand."""
    by_hand = {
        (s.key.namespace, s.object.metadata.labels.get("kubernetes.io/service-name"))
        for s in store.list("EndpointSlice")
        if s.object.metadata.labels.get("made-by") != _SLICES
    }
    pods = [s.object for s in store.list("Pod") if isinstance(s.object, Pod)]
    services = [s.object for s in store.list("Service") if isinstance(s.object, Service)]
    return [
        piece
        for item in services
        if item.spec.selector and (item.metadata.namespace, item.metadata.name) not in by_hand
        for version in (4, 6)
        if (piece := _slice(item, pods, version)) is not None
    ]


def _slice(item: Service, pods: Iterable[Pod], version: int) -> EndpointSlice | None:
    meta = item.metadata
    found = [
        (p, address)
        for p in pods
        if p.metadata.namespace == meta.namespace and item.spec.selector.items() <= p.metadata.labels.items()
        for address in (p.status.addresses if p.status else ())
        if ip_address(address).version == version
    ]
    if not found:
        return None
    return EndpointSlice(
        api_version="discovery.k8s.io/v1",
        kind="EndpointSlice",
        metadata=ObjectMeta(
            name=f"{meta.name}-ipv{version}",
            namespace=meta.namespace,
            labels={"kubernetes.io/service-name": meta.name, "made-by": _SLICES},
        ),
        address_type="IPv4" if version == 4 else "IPv6",
        endpoints=tuple(_endpoint(p, address, item) for p, address in found),
        ports=tuple(EndpointPort(name=p.name, protocol=p.protocol, port=_target(p, found[0][0])) for p in item.spec.ports),
    )


def _endpoint(item: Pod, address: str, owner: Service) -> Endpoint:
    ready = owner.spec.publish_not_ready_addresses or (item.status is not None and item.status.ready)
    return Endpoint(
        addresses=(address,),
        conditions=EndpointConditions(ready=ready),
        hostname=item.spec.hostname if item.spec.subdomain == owner.metadata.name else None,
        node_name=item.spec.node_name or None,
        target_ref=ObjectReference(kind="Pod", namespace=item.metadata.namespace, name=item.metadata.name),
    )


def _target(port: ServicePort, item: Pod) -> int:
    target = port.target_port or port.port
    if isinstance(target, int):
        return target
    return next(p.container_port for c in item.spec.containers for p in c.ports if p.name == target)
