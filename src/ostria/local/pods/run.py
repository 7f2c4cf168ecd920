"""The life of one pod: its namespace and rules, its agent and Envoy, its containers in their order, and its end."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ostria.api.kubernetes.pod import Pod, PodSpec
from ostria.identity.tokens import TokenSubject
from ostria.local.containers.environment import MissingReference
from ostria.local.containers.fields import PodFacts
from ostria.local.containers.logs import LogFile
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import PodPlan
from ostria.local.network.links import Addresses
from ostria.local.pods.capture_rules import apply_rules
from ostria.local.pods.containers import PodContainers
from ostria.local.pods.facts import pod_facts, token_subject
from ostria.local.pods.launch import PodLaunch
from ostria.local.pods.machine import APP_ID, Machine
from ostria.local.pods.object import pod_object, pod_status
from ostria.local.pods.orders import PodOrders
from ostria.local.pods.proxies import ProxyPlan, ProxyRun
from ostria.local.pods.sidecars import Sidecar
from ostria.local.pods.surroundings import Surroundings
from ostria.local.pods.volumes import PodVolumes

log = logging.getLogger(__name__)

PROXY_CONTAINER = "istio-proxy"
_FAREWELL = 0.5
"""Seconds between telling callers that a pod goes, and asking its app to end."""


@dataclass(slots=True, eq=False)
class PodRun:
    plan: PodPlan
    machine: Machine
    injection: Injection
    addresses: Addresses
    around: Surroundings
    created: str
    proxy: ProxyRun | None = None
    stopping: bool = False
    problem: str = ""
    finished: bool | None = None
    """How it ended for good; None while it runs."""
    system: Callable[[], dict[str, Any]] | None = None
    """The orders of a part of the mesh itself."""
    facts: PodFacts = field(init=False)
    subject: TokenSubject = field(init=False)
    """Whom the pod's tokens name."""
    launch: PodLaunch = field(init=False)
    containers: PodContainers = field(init=False)
    _logs: dict[str, LogFile] = field(default_factory=dict)
    _initialized: bool = False
    _work: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.facts = pod_facts(self.plan, self.injection, self.addresses, self.created, capturing=self.machine.mode.capturing)
        self.subject = token_subject(self.facts)
        volumes = PodVolumes(
            id=self.id, spec=self.spec, facts=self.facts, subject=self.subject, sources=self.around.sources, machine=self.machine
        )
        orders = PodOrders(
            id=self.id,
            plan=self.plan,
            facts=self.facts,
            machine=self.machine,
            addresses=self.addresses,
            around=self.around,
            volumes=volumes,
            system=self.system,
        )
        self.launch = PodLaunch(machine=self.machine, orders=orders, log=self.log)
        without = PROXY_CONTAINER if self.injection.router else ""
        self.containers = PodContainers(spec=self.spec, launch=self.launch, log=self.log, changed=self.around.changed, without=without)

    @property
    def spec(self) -> PodSpec:
        return self.plan.template.spec

    @property
    def id(self) -> str:
        return f"{self.plan.namespace}.{self.plan.name}"

    @property
    def network(self) -> int | None:
        return self.launch.network

    @property
    def _grace(self) -> float:
        """Seconds."""
        return float(self.spec.termination_grace_period_seconds)

    @property
    def app_ports(self) -> Mapping[int, int]:
        return self.launch.orders.app_ports

    @property
    def ready(self) -> bool:
        alive = self._initialized and not self.stopping and self.finished is None
        return alive and self.containers.ready and (self.proxy is None or self.proxy.ready)

    def start(self) -> None:
        self._work = asyncio.get_running_loop().create_task(self._run())

    def objects_changed(self) -> None:
        """A ConfigMap, Secret or Service of the namespace is new: whoever waits for one looks again, and volumes follow."""
        self._news.set()
        self.containers.look_again()
        with contextlib.suppress(ValueError, OSError):
            self.launch.orders.volumes.fill()

    async def stop(self, *, drain: bool = True) -> None:
        """Everything ends within the pod's grace period: apps first, then sidecars, last started first, the proxy when all are gone."""
        leaving = self.ready
        self.stopping = True
        self.around.changed()
        grace = self._grace
        if leaving and drain:
            # Callers are told first; a cluster leaves this pause to a preStop hook, and those without one lose requests.
            await asyncio.sleep(min(_FAREWELL, grace / 2))
        draining = asyncio.create_task(self.proxy.drain()) if self.proxy is not None and drain else None
        await self.containers.stop(grace)
        if draining is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(draining, max(1.0, min(grace, 10.0)))
        if self.proxy is not None:
            await self.proxy.stop(drain=drain)
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        self._clean_up()

    def object(self) -> Pod:
        """The pod as others see it."""
        status = pod_status(self.phase, self.addresses.texts(), initialized=self._initialized, ready=self.ready, message=self.trouble)
        return pod_object(self.plan, self.facts, self.injection, status, created=self.created, ending=self.stopping)

    @property
    def phase(self) -> str:
        if self.finished is not None:
            return "Succeeded" if self.finished else "Failed"
        return "Running" if self.containers.begun or (self._initialized and not self.containers.apps) else "Pending"

    @property
    def hopeless(self) -> bool:
        """Nobody should wait for it: it can't run as it is written, or it ends again and again."""
        return bool(self.problem) or self.containers.hopeless

    @property
    def local_host(self) -> str:
        """Where the pod's pages for its own machine are: the control plane has no namespace, but an address of its own, without capture."""
        return self.facts.addresses[0] if self.system and not self.machine.mode.capturing else "127.0.0.1"

    def local_port(self, number: int) -> int:
        """Where a port of the pod's loopback is found: the same number, in a network namespace of its own."""
        if self.around.sidecar is not None and self.around.sidecar.ports:
            return {15000: self.around.sidecar.ports["admin"], 15020: self.around.sidecar.ports["status"]}.get(number, number)
        return number

    @property
    def trouble(self) -> str:
        """What keeps the pod from being ready, in one line."""
        if self.problem:
            return self.problem
        if trouble := self.containers.trouble:
            return trouble
        if self.proxy is not None and not self.proxy.ready and self.proxy.problem:
            return f"proxy: {self.proxy.problem}"
        return ""

    def log(self, container: str) -> LogFile:
        if container not in self._logs:
            folder = self.machine.logs / self.plan.namespace / self.plan.name
            self._logs[container] = LogFile(folder / f"{container}.log")
        return self._logs[container]

    # the run itself

    async def _run(self) -> None:
        try:
            await self._live()
        except asyncio.CancelledError:
            raise
        except (OSError, ValueError) as error:
            self.problem = str(error)
            log.error("pod %s/%s: %s", self.plan.namespace, self.plan.name, error)
            self.around.changed()

    async def _live(self) -> None:
        if self.machine.mode.capturing:
            self.launch.network = self.machine.network.add(self.addresses)
            if self.around.sidecar is not None:
                await apply_rules(self.machine, self.network, self.around.sidecar.rules)
        if self.around.sidecar is not None:
            self._start_proxy(self.around.sidecar)
        await self._wait_for_volumes()
        self.containers.make()
        if not await self.containers.run_init():
            await self._end(False)
            return
        if self.stopping:
            return
        if self.around.sidecar is not None and (self.around.sidecar.hold or self.around.sidecar.proxyless):
            await self._until_proxy_ready()
        self._initialized = True
        self.around.changed()
        well = await self.containers.run_apps()
        if self.containers.apps and not self.stopping:
            await self._end(well)

    async def _end(self, success: bool) -> None:
        """All containers have ended for good: a Job's pod; nobody needs its proxy any more."""
        self.finished = success
        await self.containers.stop_sidecars(self._grace)
        if self.proxy is not None:
            await self.proxy.stop(drain=False)
        self.around.changed()

    def _start_proxy(self, sidecar: Sidecar) -> None:
        sink = self.log(PROXY_CONTAINER)
        folder = self.machine.agent_folder(self.id)
        # Whoever may open the agent's socket gets its key: Envoy's user, or the app itself where it speaks xDS.
        user = (APP_ID if self.machine.mode.many_users else 0) if sidecar.proxyless else self.machine.proxy_id
        plan = ProxyPlan(
            kind=sidecar.kind,
            folder=folder,
            network=self.network,
            subject=self.subject,
            environment=self.launch.orders.bootstrap_variable(sidecar.environment(self.facts, self.plan)),
            files=self.launch.orders.files(user, [(str(folder), str(folder), False)], str(self.machine.root_certificate.parent)),
            discovery=sidecar.discovery,
            transparent=sidecar.transparent,
            sink=sink.sink,
            user=user,
            run_envoy=not sidecar.proxyless,
        )
        self.proxy = ProxyRun(plan, self.machine, self.around.changed)
        self.proxy.start()

    async def _until_proxy_ready(self) -> None:
        while self.proxy is not None and not self.proxy.ready:
            await asyncio.sleep(0.05)

    async def _wait_for_volumes(self) -> None:
        while True:
            self._news.clear()
            try:
                self.launch.orders.volumes.fill()
            except MissingReference as missing:
                self.problem = f"a volume waits: {missing}"
                self.around.changed()
                await self._news.wait()
            else:
                self.problem = ""
                return

    def _clean_up(self) -> None:
        if self.network is not None:
            os.close(self.network)
            self.launch.network = None
        for file in self._logs.values():
            file.close()
        self._logs.clear()
        self.machine.volumes.forget(self.id)
