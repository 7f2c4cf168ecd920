"""What there is to run: the objects of the user's files, and those that the mesh adds as a cluster would - namespaces, control plane, gateway."""

from collections.abc import Iterator
from dataclasses import dataclass

from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.deployment import Deployment
from ostria.api.kubernetes.namespace import Namespace
from ostria.api.kubernetes.secret import Secret
from ostria.api.kubernetes.service import Service
from ostria.api.meta import ObjectKey, ObjectMeta, Resource
from ostria.api.networking.gateway import Gateway
from ostria.config.store import Store
from ostria.local import control_plane
from ostria.local.controllers import gateway, injection
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import Owner, PodPlan
from ostria.local.network.address_book import AddressBook
from ostria.local.network.virtual_addresses import ip_object
from ostria.local.pods.machine import Machine

_OWNERS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")
_ROOT_CERTIFICATE = "istio-ca-root-cert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """`gateway_ports` are further ports of the gateway's Service; `published_port` is the host's for its port 80, 0 where none is published."""

    store: Store
    addresses: AddressBook
    machine: Machine
    gateway_ports: tuple[int, ...] = ()
    published_port: int = 0

    def services(self) -> Iterator[Service]:
        for entry in self.store.list("Service"):
            if isinstance(entry.object, Service):
                yield entry.object
        yield from self._own_services()

    def owners(self) -> Iterator[Owner]:
        """Whatever asks for pods."""
        yield control_plane.deployment()
        if gateway.wanted(self._deployments()):
            yield gateway.deployment()
        for kind in _OWNERS:
            for entry in self.store.list(kind):
                if isinstance(entry.object, Owner):
                    yield entry.object

    def namespaces(self) -> dict[str, Namespace]:
        """Every namespace that an object stands in; those that nobody declared are as `undeclared` has them."""
        found = {entry.key.name: entry.object for entry in self.store.list("Namespace") if isinstance(entry.object, Namespace)}
        used = {entry.key.namespace for kind in self.store.kinds() for entry in self.store.list(kind) if entry.key.namespace}
        for name in sorted({*used, "default", gateway.NAMESPACE} - found.keys()):
            found[name] = undeclared(name)
        return found

    def declared(self) -> set[str]:
        """Names of the namespaces that a file declares."""
        return {entry.key.name for entry in self.store.list("Namespace")}

    def injection(self, plan: PodPlan) -> Injection:
        if plan.namespace == gateway.NAMESPACE and plan.workload == control_plane.NAME:
            return Injection(injected=False, reason="it is the control plane")
        space = self.store.get(ObjectKey("Namespace", "", plan.namespace))
        found = space.object if space and isinstance(space.object, Namespace) else undeclared(plan.namespace)
        return injection.decide(plan.namespace, found.metadata.labels, plan.template)

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """The mesh's root certificate stands in every namespace, where Istio puts it."""
        found = self.store.get(ObjectKey("ConfigMap", namespace, name))
        if found and isinstance(found.object, ConfigMap):
            return found.object
        if name != _ROOT_CERTIFICATE:
            return None
        meta = ObjectMeta(name=name, namespace=namespace)
        data = {"root-cert.pem": self.machine.root_certificate.read_text()}
        return ConfigMap(api_version="v1", kind="ConfigMap", metadata=meta, data=data)

    def secret(self, namespace: str, name: str) -> Secret | None:
        found = self.store.get(ObjectKey("Secret", namespace, name))
        return found.object if found and isinstance(found.object, Secret) else None

    def own(self) -> Iterator[Resource]:
        """What stands in no file: the control plane has to be told."""
        declared = self.declared()
        yield from (space for name, space in self.namespaces().items() if name not in declared)
        yield from self._own_services()
        for service in self.services():
            if not service.spec.cluster_ip:
                for address in self.addresses.service(service):
                    yield ip_object(address, service)

    def _own_services(self) -> Iterator[Service]:
        yield control_plane.service()
        brought = self.store.get(ObjectKey("Service", gateway.NAMESPACE, gateway.NAME))
        if gateway.wanted(self._deployments()) and brought is None:
            gateways = [entry.object for entry in self.store.list("Gateway") if isinstance(entry.object, Gateway)]
            yield gateway.service(gateways, self.gateway_ports, self._gateway_target)

    def _deployments(self) -> list[Deployment]:
        return [entry.object for entry in self.store.list("Deployment") if isinstance(entry.object, Deployment)]

    def _gateway_target(self, port: int, usual: int) -> int:
        """Without capture the gateway itself stands on the machine's ports: 80 on the published one, the others where there is room."""
        if self.machine.mode.capturing:
            return usual
        return self.published_port if port == 80 and self.published_port else self.machine.ports.get("gateway", str(port))


def undeclared(name: str) -> Namespace:
    """A namespace that nobody declared: its workloads get sidecars, except beside the control plane."""
    labels = {"kubernetes.io/metadata.name": name}
    if name != gateway.NAMESPACE:
        labels[injection.NAMESPACE_LABEL] = "enabled"
    return Namespace(api_version="v1", kind="Namespace", metadata=ObjectMeta(name=name, labels=labels))
