"""The life of one pod: its namespace and rules, its agent and Envoy, its containers in their order, and its end."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.pod import Pod, PodSpec
from ostria.identity.tokens import TokenSubject
from ostria.local.containers.environment import MissingReference
from ostria.local.containers.fields import PodFacts
from ostria.local.containers.logs import LogFile
from ostria.local.containers.run import ContainerRun, Phase, Recipe, is_sidecar
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import PodPlan
from ostria.local.network.links import GATEWAYS, Addresses
from ostria.local.pods.capture_rules import apply_rules
from ostria.local.pods.launch import PodLaunch
from ostria.local.pods.machine import APP_ID, NODE, Machine
from ostria.local.pods.object import pod_object, pod_status
from ostria.local.pods.orders import PodOrders
from ostria.local.pods.proxies import ProxyPlan, ProxyRun
from ostria.local.pods.sidecars import Sidecar
from ostria.local.pods.surroundings import Surroundings
from ostria.local.pods.uncaptured import REPLICA
from ostria.local.pods.volumes import PodVolumes
from ostria.registry.workloads import TLS_MODE

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
    containers: list[ContainerRun] = field(default_factory=list)
    init: list[ContainerRun] = field(default_factory=list)
    proxy: ProxyRun | None = None
    stopping: bool = False
    problem: str = ""
    finished: bool | None = None
    """How it ended for good; None while it runs."""
    system: Callable[[], dict[str, Any]] | None = None
    """The orders of a part of the mesh itself."""
    facts: PodFacts = field(init=False)
    launch: PodLaunch = field(init=False)
    _logs: dict[str, LogFile] = field(default_factory=dict)
    _initialized: bool = False
    _work: asyncio.Task[None] | None = None
    _sidecars: list[asyncio.Task[int | None]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.facts = self._facts()
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

    @property
    def spec(self) -> PodSpec:
        return self.plan.template.spec

    @property
    def id(self) -> str:
        return f"{self.plan.namespace}.{self.plan.name}"

    @property
    def uid(self) -> str:
        digest = blake2b(f"{self.id}/{self.created}".encode(), digest_size=16).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"

    @property
    def network(self) -> int | None:
        return self.launch.network

    @property
    def app_ports(self) -> Mapping[int, int]:
        return self.launch.orders.app_ports

    @property
    def subject(self) -> TokenSubject:
        """Whom the pod's tokens name."""
        return TokenSubject(
            namespace=self.plan.namespace, service_account=self.spec.account, pod=self.plan.name, pod_uid=self.uid, node=NODE
        )

    def _facts(self) -> PodFacts:
        meta = self.plan.template.metadata
        return PodFacts(
            namespace=self.plan.namespace,
            name=self.plan.name,
            uid=self.uid,
            labels=self._labels(),
            annotations=meta.annotations,
            service_account=self.spec.account,
            addresses=self.addresses.texts(),
            node=NODE,
            node_address=str(GATEWAYS[0]),
        )

    def _labels(self) -> Mapping[str, str]:
        labels = self.plan.template.metadata.labels
        if self.injection.injected and not (self.injection.router or self.injection.proxyless):
            labels = {TLS_MODE: "istio", **labels}
        return labels if self.machine.mode.capturing else {**labels, REPLICA: self.plan.name}

    @property
    def ready(self) -> bool:
        app = all(c.ready or _ended_well(c) for c in self.containers) and all(c.ready for c in self.beside)
        return self._initialized and app and not self.stopping and self.finished is None and (self.proxy is None or self.proxy.ready)

    @property
    def beside(self) -> list[ContainerRun]:
        """Init containers that run as long as the app does: Kubernetes' own sidecars, in the order of their start."""
        return [run for run in self.init if is_sidecar(run.recipe.container)]

    def start(self) -> None:
        self._work = asyncio.get_running_loop().create_task(self._run())

    def objects_changed(self) -> None:
        """A ConfigMap, Secret or Service of the namespace is new: whoever waits for one looks again, and volumes follow."""
        self._news.set()
        for run in (*self.init, *self.containers):
            if run.phase is Phase.WAITING and run.reason == "CreateContainerConfigError":
                run.news.set()
        with contextlib.suppress(ValueError, OSError):
            self.launch.orders.volumes.fill()

    async def stop(self, *, drain: bool = True) -> None:
        """Everything ends within the pod's grace period: apps first, then sidecars, last started first, the proxy when all are gone."""
        leaving = self.ready
        self.stopping = True
        self.around.changed()
        grace = float(self.spec.termination_grace_period_seconds)
        until = time.monotonic() + grace
        if leaving and drain:
            # Callers are told first; a cluster leaves this pause to a preStop hook, and those without one lose requests.
            await asyncio.sleep(min(_FAREWELL, grace / 2))
        draining = asyncio.create_task(self.proxy.drain()) if self.proxy is not None and drain else None
        beside = self.beside
        await asyncio.gather(*(run.stop(grace) for run in (*self.init, *self.containers) if run not in beside))
        await self._stop_sidecars(until)
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
        alive = any(c.phase is not Phase.WAITING or c.restarts for c in self.containers)
        return "Running" if alive or (self._initialized and not self.containers) else "Pending"

    @property
    def hopeless(self) -> bool:
        """Nobody should wait for it: it can't run as it is written, or it ends again and again."""
        return bool(self.problem) or any(run.reason == "RunContainerError" or run.restarts > 2 for run in (*self.init, *self.containers))

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
        for run in (*self.init, *self.containers):
            if run.message and not run.ready and run.phase is not Phase.TERMINATED:
                return f"container {run.name}: {run.reason + ': ' if run.reason else ''}{run.message}"
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
        self._make_containers()
        for run in self.init:
            if self.stopping:
                return
            if is_sidecar(run.recipe.container):
                self._sidecars.append(asyncio.create_task(run.run()))
                await self._until_started(run)
            elif await run.run() != 0 and not self.stopping:
                await self._end(False)
                return
        if self.around.sidecar is not None and (self.around.sidecar.hold or self.around.sidecar.proxyless):
            await self._until_proxy_ready()
        self._initialized = True
        self.around.changed()
        codes = await asyncio.gather(*(run.run() for run in self.containers))
        if self.containers and not self.stopping:
            await self._end(all(code == 0 for code in codes))

    async def _end(self, success: bool) -> None:
        """All containers have ended for good: a Job's pod; nobody needs its proxy any more."""
        self.finished = success
        await self._stop_sidecars(time.monotonic() + float(self.spec.termination_grace_period_seconds))
        if self.proxy is not None:
            await self.proxy.stop(drain=False)
        self.around.changed()

    async def _until_started(self, run: ContainerRun) -> None:
        while not (run.started or self.stopping):
            await asyncio.sleep(0.05)

    async def _stop_sidecars(self, until: float) -> None:
        """The reverse of their start; those for whom no time is left still get their signal."""
        for run in reversed(self.beside):
            await run.stop(max(1.0, until - time.monotonic()))
        if self._sidecars:
            await asyncio.wait(self._sidecars, timeout=1.0)
        for task in self._sidecars:
            task.cancel()

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

    def _make_containers(self) -> None:
        skip = PROXY_CONTAINER if self.injection.router else ""
        policy = self.spec.restart_policy
        once = "OnFailure" if policy != "Never" else "Never"
        self.init = [self._container(c, "Always" if is_sidecar(c) else once) for c in self.spec.init_containers]
        self.containers = [self._container(c, policy) for c in self.spec.containers if c.name != skip]

    def _container(self, container: Container, policy: str) -> ContainerRun:
        sink = self.log(container.name)
        recipe = Recipe(
            container=container,
            start=lambda: self.launch.start(container),
            target=lambda process: self.launch.target(container, process),
            say=sink.write,
            restart=policy,
            grace=float(self.spec.termination_grace_period_seconds),
        )
        return ContainerRun(recipe, self.around.changed)

    def _clean_up(self) -> None:
        if self.network is not None:
            os.close(self.network)
            self.launch.network = None
        for file in self._logs.values():
            file.close()
        self._logs.clear()
        self.machine.volumes.forget(self.id)


def _ended_well(run: ContainerRun) -> bool:
    return run.phase is Phase.TERMINATED and run.exit_code == 0
