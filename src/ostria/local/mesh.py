"""The mesh itself: what the files ask for on one side, the pods that run on the other, and what everybody is told when either changes.

Changes are gathered for a moment and then settled in one pass: pods started and stopped, objects published, names and rules renewed.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from msgspec import to_builtins

from ostria.api.encode import builtin
from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.deployment import Deployment
from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.namespace import Namespace
from ostria.api.kubernetes.secret import Secret
from ostria.api.kubernetes.service import Service
from ostria.api.meta import ObjectKey, ObjectMeta, Resource
from ostria.api.networking.gateway import Gateway
from ostria.config.mesh import MeshSettings
from ostria.config.store import Change, Store
from ostria.local import control_plane
from ostria.local.containers.environment import Sources, service_links
from ostria.local.controllers import gateway, injection
from ostria.local.controllers.endpoints import endpoint_slices
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import Existing, Owner, PodPlan, decide
from ostria.local.dns.cluster import names
from ostria.local.dns.server import DnsServer
from ostria.local.network.addresses import Allocation
from ostria.local.network.links import POD_NETWORKS, SERVICE_NETWORKS, Addresses, has_ipv6
from ostria.local.network.service_rules import VirtualPort
from ostria.local.network.virtual_addresses import families, ip_object, virtual_ports
from ostria.local.paths import MeshPaths
from ostria.local.pods import uncaptured
from ostria.local.pods.machine import Machine
from ostria.local.pods.run import PodRun
from ostria.local.pods.sidecars import Sidecar, plan_sidecar
from ostria.local.pods.surroundings import Surroundings
from ostria.local.published import Published

log = logging.getLogger(__name__)

_PAUSE = 0.01
_OWNERS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")
_AFFECTS_PODS = frozenset({"ConfigMap", "Secret", "Service"})

Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class Mesh:
    """`rules` is told the virtual ports whenever they change, `on_settled` after every pass."""

    machine: Machine
    paths: MeshPaths
    store: Store
    settings: MeshSettings
    published: Published
    dns: DnsServer
    system: control_plane.System
    rules: Callable[[Sequence[VirtualPort]], None]
    gateway_ports: tuple[int, ...] = ()
    published_port: int = 0
    on_settled: Callable[[], None] = lambda: None
    pods: dict[Key, PodRun] = field(default_factory=dict)
    slices: list[EndpointSlice] = field(default_factory=list)
    _pod_addresses: Allocation = field(default_factory=lambda: Allocation(POD_NETWORKS))
    _service_addresses: Allocation = field(default_factory=lambda: Allocation(SERVICE_NETWORKS))
    _earlier: dict[str, dict[str, int]] = field(default_factory=dict)
    _kept: str = ""
    _due: asyncio.TimerHandle | None = None
    _stopping: set[asyncio.Task[None]] = field(default_factory=set)
    _leaving: set[PodRun] = field(default_factory=set)
    _ended: bool = False
    _told: list[VirtualPort] = field(default_factory=list)

    def start(self) -> None:
        kept = self._earlier = _read_addresses(self.paths)
        networks = POD_NETWORKS if self.machine.mode.capturing else uncaptured.networks(self.paths.name)
        self._pod_addresses = Allocation(networks, kept.get("pods" if self.machine.mode.capturing else "loopback"))
        self._service_addresses = Allocation(SERVICE_NETWORKS, kept.get("services"))
        self.store.subscribe(self._objects_changed)
        self._settle()

    def poke(self) -> None:
        """Something changed: settle soon, once for everything that changes together."""
        if self._due is None and not self._ended:
            self._due = asyncio.get_running_loop().call_later(_PAUSE, self._settle)

    async def end(self) -> None:
        """Stop everything: the workloads together, then the gateway and the control plane."""
        self._ended = True
        if self._due is not None:
            self._due.cancel()
        last = [pod for pod in self.pods.values() if pod.plan.namespace == gateway.NAMESPACE]
        await asyncio.gather(*(pod.stop(drain=False) for pod in self.pods.values() if pod not in last))
        await asyncio.gather(*(pod.stop(drain=False) for pod in last))

    # what there is

    def services(self) -> Iterator[Service]:
        for entry in self.store.list("Service"):
            if isinstance(entry.object, Service):
                yield entry.object
        yield from self._own_services()

    def service_addresses(self, service: Service) -> tuple[str, ...]:
        """Virtual addresses, none for headless and external ones."""
        spec = service.spec
        if spec.type == "ExternalName" or spec.cluster_ip == "None":
            return ()
        if spec.cluster_ip:
            return spec.cluster_ips or (spec.cluster_ip,)
        both = self._service_addresses.get(f"{service.metadata.namespace}/{service.metadata.name}")
        return tuple(str(address) for address in both if f"IPv{address.version}" in families(service))

    def namespaces(self) -> dict[str, Namespace]:
        """Every namespace that an object stands in; those that nobody declared are as `undeclared` has them."""
        found = {entry.key.name: entry.object for entry in self.store.list("Namespace") if isinstance(entry.object, Namespace)}
        used = {entry.key.namespace for kind in self.store.kinds() for entry in self.store.list(kind) if entry.key.namespace}
        for name in sorted({*used, "default", gateway.NAMESPACE} - found.keys()):
            found[name] = undeclared(name)
        return found

    def undeclared(self) -> list[str]:
        """Namespaces with workloads that no file declares."""
        used = {pod.plan.namespace for pod in self.pods.values()} - {gateway.NAMESPACE}
        return sorted(used - {entry.key.name for entry in self.store.list("Namespace")})

    def injection(self, plan: PodPlan) -> Injection:
        if plan.namespace == gateway.NAMESPACE and plan.workload == control_plane.NAME:
            return Injection(injected=False, reason="it is the control plane")
        space = self.namespaces().get(plan.namespace) or undeclared(plan.namespace)
        return injection.decide(plan.namespace, space.metadata.labels, plan.template)

    def owners(self) -> Iterator[Owner]:
        yield control_plane.deployment()
        deployments = [e.object for e in self.store.list("Deployment") if isinstance(e.object, Deployment)]
        if gateway.wanted(deployments):
            yield gateway.deployment()
        for kind in _OWNERS:
            for entry in self.store.list(kind):
                if isinstance(entry.object, Owner):
                    yield entry.object

    def _own_services(self) -> Iterator[Service]:
        yield control_plane.service()
        deployments = [e.object for e in self.store.list("Deployment") if isinstance(e.object, Deployment)]
        brought = self.store.get(ObjectKey("Service", gateway.NAMESPACE, gateway.NAME))
        if gateway.wanted(deployments) and brought is None:
            gateways = [e.object for e in self.store.list("Gateway") if isinstance(e.object, Gateway)]
            yield gateway.service(gateways, self.gateway_ports, self._gateway_target)

    def _gateway_target(self, port: int, usual: int) -> int:
        """Without capture the gateway itself stands on the machine's ports: 80 on the published one, the others where there is room."""
        if self.machine.mode.capturing:
            return usual
        return self.published_port if port == 80 and self.published_port else self.machine.ports.get("gateway", str(port))

    # what happens when something changes

    def _objects_changed(self, changes: tuple[Change, ...]) -> None:
        spaces = {change.key.namespace for change in changes if change.key.kind in _AFFECTS_PODS}
        for pod in self.pods.values():
            if pod.plan.namespace in spaces:
                pod.objects_changed()
        self.poke()

    def _settle(self) -> None:
        self._due = None
        if self._ended:
            return
        try:
            self._reconcile()
            self._publish()
        except OSError as error:
            log.error("%s: %s", error.filename or "the runtime folder", error.strerror)
        self.on_settled()

    def _reconcile(self) -> None:
        owners = {ObjectKey(owner.kind, owner.metadata.namespace, owner.metadata.name): owner for owner in self.owners()}
        by_owner: dict[ObjectKey, list[PodRun]] = {}
        for pod in self.pods.values():
            if pod not in self._leaving:
                by_owner.setdefault(pod.plan.owner, []).append(pod)
        for key in by_owner.keys() - owners.keys():
            for pod in by_owner[key]:
                self._stop(pod)
        for key, owner in owners.items():
            present = by_owner.get(key, [])
            decision = decide(owner, [Existing(plan=p.plan, ready=p.ready, finished=p.finished) for p in present])
            for stopped in decision.stop:
                self._stop(self.pods[stopped])
            for pod in present:
                if pod not in self._leaving and pod.injection.injected != self.injection(pod.plan).injected:
                    self._stop(pod)
            for plan in decision.start:
                if plan.key not in self.pods:
                    self._start(plan)

    def _start(self, plan: PodPlan) -> None:
        decided = self.injection(plan)
        addresses = self._addresses(plan)
        problem = ""
        sidecar: Sidecar | None = None
        try:
            sidecar = self._sidecar(plan, decided)
        except ValueError as error:
            problem = str(error)
        pod = PodRun(
            plan=plan,
            machine=self.machine,
            injection=decided,
            addresses=addresses,
            around=self._around(plan, sidecar),
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            problem=problem,
            system=self._system_orders(addresses) if plan.owner == control_plane.OWNER else None,
        )
        self.pods[plan.key] = pod
        if problem:
            log.error("pod %s/%s does not start: %s", plan.namespace, plan.name, problem)
        else:
            pod.start()

    def _addresses(self, plan: PodPlan) -> Addresses:
        ipv4, ipv6 = self._pod_addresses.get(f"{plan.namespace}/{plan.name}")
        return Addresses(ipv4=ipv4, ipv6=ipv6 if has_ipv6() and self.machine.mode.capturing else None)

    def _system_orders(self, addresses: Addresses) -> Callable[[], dict[str, Any]]:
        system = self.system if self.machine.mode.capturing else replace(self.system, address=str(addresses.ipv4))
        return system.orders

    def _discovery(self) -> str:
        if self.machine.mode.capturing:
            return f"{control_plane.HOST}:{control_plane.TLS_PORT}"
        (plan,) = decide(control_plane.deployment(), ()).start
        return f"{self._addresses(plan).ipv4}:{control_plane.TLS_PORT}"

    def _proxy_ports(self, plan: PodPlan) -> dict[str, int]:
        if self.machine.mode.capturing:
            return {}
        return {name: self.machine.ports.get(f"{plan.namespace}.{plan.name}", name) for name in uncaptured.PROXY_PORTS}

    def _sidecar(self, plan: PodPlan, decided: Injection) -> Sidecar | None:
        if not decided.injected:
            return None
        config = self.settings.read(self.store).default_config
        plain = to_builtins(config, enc_hook=builtin)
        return plan_sidecar(
            decided,
            plan.template,
            self.machine.mode,
            plain,
            ipv6=has_ipv6(),
            control_plane=self.service_addresses(control_plane.service()),
            discovery=self._discovery(),
            ports=self._proxy_ports(plan),
        )

    def _around(self, plan: PodPlan, sidecar: Sidecar | None) -> Surroundings:
        def config_map(name: str) -> ConfigMap | None:
            found = self.store.get(ObjectKey("ConfigMap", plan.namespace, name))
            return found.object if found and isinstance(found.object, ConfigMap) else self._own_config_map(plan.namespace, name)

        def secret(name: str) -> Secret | None:
            found = self.store.get(ObjectKey("Secret", plan.namespace, name))
            return found.object if found and isinstance(found.object, Secret) else None

        def links() -> dict[str, str]:
            mine = (s for s in self.services() if s.metadata.namespace == plan.namespace)
            return service_links((s, addresses[0]) for s in mine if (addresses := self.service_addresses(s)))

        def served() -> frozenset[int]:
            return frozenset(uncaptured.served(self.pods[plan.key].object(), self.services()))

        sources = Sources(config_map=config_map, secret=secret)
        return Surroundings(sources=sources, service_links=links, changed=self.poke, sidecar=sidecar, served=served)

    def _own_config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """Istio puts the mesh's root certificate into every namespace."""
        if name != "istio-ca-root-cert":
            return None
        meta = ObjectMeta(name=name, namespace=namespace)
        return ConfigMap(
            api_version="v1", kind="ConfigMap", metadata=meta, data={"root-cert.pem": self.machine.root_certificate.read_text()}
        )

    def _stop(self, pod: PodRun) -> None:
        async def stop() -> None:
            try:
                await pod.stop()
            finally:
                self._leaving.discard(pod)
                self.pods.pop(pod.plan.key, None)
            self.poke()

        if pod not in self._leaving:
            self._leaving.add(pod)
            task = asyncio.get_running_loop().create_task(stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    # what everybody is told

    def _publish(self) -> None:
        services = list(self.services())
        pods = [pod.object() for pod in self.pods.values()]
        self.slices = [part for service in services for part in endpoint_slices(service, pods, families(service))]
        self.published.show([*self._objects(services), *pods, *self.slices])
        self.dns.names = names(((service, self.service_addresses(service)) for service in services), self.slices)
        ports = list(virtual_ports(services, self.service_addresses, self.slices))
        if ports != self._told:
            self._told = ports
            self.rules(ports)
        self._keep_addresses()

    def _objects(self, services: list[Service]) -> Iterator[Resource]:
        declared = {entry.key.name for entry in self.store.list("Namespace")}
        yield from (space for name, space in self.namespaces().items() if name not in declared)
        yield from self._own_services()
        if not self.machine.mode.capturing:
            yield from self._sidecars(services)
        for service in services:
            if not service.spec.cluster_ip:
                for address in self.service_addresses(service):
                    yield ip_object(address, service)

    def _sidecars(self, services: list[Service]) -> Iterator[Resource]:
        for pod in self.pods.values():
            if pod.injection.injected and not pod.injection.router and not pod.stopping:
                found = pod.object()
                if listeners := uncaptured.served(found, services):
                    yield uncaptured.sidecar(found, listeners, pod.app_ports)

    def _keep_addresses(self) -> None:
        mine = "pods" if self.machine.mode.capturing else "loopback"
        text = json.dumps({**self._earlier, mine: self._pod_addresses.kept, "services": self._service_addresses.kept}, sort_keys=True)
        if text != self._kept:
            fresh = self.paths.addresses.with_suffix(".new")
            fresh.write_text(text)
            os.replace(fresh, self.paths.addresses)
            self._kept = text


def undeclared(name: str) -> Namespace:
    """A namespace that nobody declared: its workloads get sidecars, except beside the control plane."""
    labels = {"kubernetes.io/metadata.name": name}
    if name != gateway.NAMESPACE:
        labels[injection.NAMESPACE_LABEL] = "enabled"
    return Namespace(api_version="v1", kind="Namespace", metadata=ObjectMeta(name=name, labels=labels))


def _read_addresses(paths: MeshPaths) -> dict[str, dict[str, int]]:
    try:
        found = json.loads(paths.addresses.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
