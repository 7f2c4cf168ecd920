"""The mesh itself: what there is to run on one side, the pods that run on the other, and what everybody is told when either changes.

Changes are gathered for a moment and then settled in one pass: pods started and stopped, objects published, names and rules renewed.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.service import Service
from ostria.api.meta import ObjectKey, Resource
from ostria.config.mesh import MeshSettings
from ostria.config.store import Change, Store
from ostria.local.admission import Admission
from ostria.local.controllers import gateway
from ostria.local.controllers.endpoints import endpoint_slices
from ostria.local.controllers.plan import Existing, PodPlan, decide
from ostria.local.dns.cluster import names
from ostria.local.dns.server import DnsServer
from ostria.local.network.service_rules import VirtualPort
from ostria.local.network.virtual_addresses import families, virtual_ports
from ostria.local.objects import Objects
from ostria.local.pods import uncaptured
from ostria.local.pods.machine import Machine
from ostria.local.pods.run import PodRun
from ostria.local.published import Published

log = logging.getLogger(__name__)

_PAUSE = 0.01
_AFFECTS_PODS = frozenset({"ConfigMap", "Secret", "Service"})

Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class Mesh:
    """`rules` is told the virtual ports whenever they change, `on_settled` after every pass."""

    objects: Objects
    admission: Admission
    published: Published
    dns: DnsServer
    rules: Callable[[Sequence[VirtualPort]], None]
    on_settled: Callable[[], None] = lambda: None
    pods: dict[Key, PodRun] = field(default_factory=dict)
    slices: list[EndpointSlice] = field(default_factory=list)
    _due: asyncio.TimerHandle | None = None
    _stopping: set[asyncio.Task[None]] = field(default_factory=set)
    _leaving: set[PodRun] = field(default_factory=set)
    _ended: bool = False
    _told: list[VirtualPort] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.objects.store

    @property
    def settings(self) -> MeshSettings:
        return self.admission.settings

    @property
    def machine(self) -> Machine:
        return self.objects.machine

    def start(self) -> None:
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

    def undeclared(self) -> list[str]:
        """Namespaces with workloads that no file declares."""
        used = {pod.plan.namespace for pod in self.pods.values()} - {gateway.NAMESPACE}
        return sorted(used - self.objects.declared())

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
        owners = {ObjectKey(owner.kind, owner.metadata.namespace, owner.metadata.name): owner for owner in self.objects.owners()}
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
                if pod not in self._leaving and pod.injection.injected != self.objects.injection(pod.plan).injected:
                    self._stop(pod)
            for plan in decision.start:
                if plan.key not in self.pods:
                    self._start(plan)

    def _start(self, plan: PodPlan) -> None:
        pod = self.pods[plan.key] = self.admission.pod(plan, self.poke)
        if pod.problem:
            log.error("pod %s/%s does not start: %s", plan.namespace, plan.name, pod.problem)
        else:
            pod.start()

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
        services, address = list(self.objects.services()), self.objects.addresses.service
        pods = [pod.object() for pod in self.pods.values()]
        self.slices = [part for service in services for part in endpoint_slices(service, pods, families(service))]
        self.published.show([*self.objects.own(), *self._sidecars(services), *pods, *self.slices])
        self.dns.names = names(((service, address(service)) for service in services), self.slices)
        ports = list(virtual_ports(services, address, self.slices))
        if ports != self._told:
            self._told = ports
            self.rules(ports)
        self.objects.addresses.keep()

    def _sidecars(self, services: list[Service]) -> Iterator[Resource]:
        """Where nothing is captured, each proxy is told by a Sidecar object which ports are its app's, and where."""
        if self.machine.mode.capturing:
            return
        for pod in self.pods.values():
            if pod.injection.injected and not pod.injection.router and not pod.stopping:
                found = pod.object()
                if listeners := uncaptured.served(found, services):
                    yield uncaptured.sidecar(found, listeners, pod.app_ports)
