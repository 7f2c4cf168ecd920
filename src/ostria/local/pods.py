"""One pod: its namespace and addresses, its rules, agent and Envoy, its containers; and the Pod object that tells the control plane about it."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ostria.api.kubernetes.container import Container, VolumeMount
from ostria.api.kubernetes.pod import Pod, PodCondition, PodIP, PodSpec, PodStatus
from ostria.api.meta import ObjectMeta, OwnerReference
from ostria.capture.rules import Ruleset
from ostria.identity.tokens import TokenSubject
from ostria.local import images
from ostria.local.containers import ContainerRun, Phase, Recipe
from ostria.local.controllers import PodPlan
from ostria.local.environment import MissingReference, Sources, environment, expand
from ostria.local.fields import PodFacts
from ostria.local.injection import Injection
from ostria.local.logs import LogFile
from ostria.local.machine import APP_ID, NODE, PROXY_ID, Machine
from ostria.local.network import GATEWAYS, Addresses
from ostria.local.probes import Target
from ostria.local.processes import Process, Streams, Where
from ostria.local.proxies import ProxyPlan, ProxyRun
from ostria.local.sidecars import Sidecar
from ostria.local.uncaptured import REPLICA, client_environment, refusal
from ostria.local.volumes import Context, files, is_memory
from ostria.registry.workloads import TLS_MODE

log = logging.getLogger(__name__)

PROXY_CONTAINER = "istio-proxy"
_FAREWELL = 0.5
"""Seconds between telling callers that a pod goes, and asking its app to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a pod asks the mesh for while it runs; look-ups are in its own namespace."""

    sources: Sources
    service_links: Callable[[], Mapping[str, str]]
    changed: Callable[[], None]
    sidecar: Sidecar | None
    """None: no sidecar; else how it is configured."""
    served: Callable[[], frozenset[int]]
    """The pod's ports that Services lead to."""


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
    network: int | None = None
    stopping: bool = False
    problem: str = ""
    finished: bool | None = None
    """How it ended for good; None while it runs."""
    system: Callable[[], dict[str, Any]] | None = None
    """The orders of a part of the mesh itself, which is no app and sees the machine as the supervisor does."""
    _logs: dict[str, LogFile] = field(default_factory=dict)
    app_ports: dict[int, int] = field(default_factory=dict)
    """Without capture: where the app serves what its manifest says is on another port."""
    _initialized: bool = False
    _work: asyncio.Task[None] | None = None
    _sidecars: list[asyncio.Task[int | None]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

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
    def facts(self) -> PodFacts:
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
        return [run for run in self.init if _is_sidecar(run.recipe.container)]

    def start(self) -> None:
        self._work = asyncio.get_running_loop().create_task(self._run())

    def objects_changed(self) -> None:
        """A ConfigMap, Secret or Service of the namespace is new: whoever waits for one looks again, and volumes follow."""
        self._news.set()
        for run in (*self.init, *self.containers):
            if run.phase is Phase.WAITING and run.reason == "CreateContainerConfigError":
                run.news.set()
        with contextlib.suppress(ValueError, OSError):
            self._fill_volumes()

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
        meta = self.plan.template.metadata
        annotations = dict(meta.annotations)
        if self.injection.injected and not self.injection.proxyless:
            annotations["sidecar.istio.io/status"] = '{"containers":["istio-proxy"]}'
        owner = self.plan.owner
        metadata = ObjectMeta(
            name=self.plan.name,
            namespace=self.plan.namespace,
            labels=dict(self._labels()),
            annotations=annotations,
            uid=self.uid,
            creation_timestamp=self.created,
            deletion_timestamp=self.created if self.stopping else None,
            owner_references=_owners(self.plan) if owner.kind != "Pod" else (),
        )
        spec = PodSpec(
            containers=tuple(_outline(c) for c in self.spec.containers),
            init_containers=tuple(_outline(c) for c in self.spec.init_containers if _is_sidecar(c)),
            service_account_name=self.spec.account,
            node_name=NODE,
            hostname=self.spec.hostname,
            subdomain=self.spec.subdomain,
        )
        return Pod(api_version="v1", kind="Pod", metadata=metadata, spec=spec, status=self._status())

    def _status(self) -> PodStatus:
        texts = self.addresses.texts()
        conditions = tuple(
            PodCondition(type=name, status="True" if holds else "False")
            for name, holds in (("Initialized", self._initialized), ("Ready", self.ready), ("ContainersReady", self.ready))
        )
        return PodStatus(
            phase=self.phase,
            pod_ip=texts[0],
            pod_ips=tuple(PodIP(ip=text) for text in texts),
            host_ip=str(GATEWAYS[0]),
            conditions=conditions,
            message=self.trouble,
        )

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
            self.network = self.machine.network.add(self.addresses)
            if self.around.sidecar is not None:
                await self._apply(self.around.sidecar.rules)
        if self.around.sidecar is not None:
            self._start_proxy(self.around.sidecar)
        await self._wait_for_volumes()
        self._make_containers()
        for run in self.init:
            if self.stopping:
                return
            if _is_sidecar(run.recipe.container):
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

    async def _apply(self, ruleset: Ruleset) -> None:
        where = Where(network=self.network)
        runs = [
            self.machine.processes.run([self.machine.restore[family.version], "--noflush"], where=where, text=family.restore())
            for family in ruleset.families
            if family.version in self.machine.restore
        ]
        for status, said in await asyncio.gather(*runs):
            if status:
                raise OSError(f"the capture rules can't be applied: {said.strip()}")
        for family in ruleset.families:
            for route in family.routes:
                await self.machine.processes.run(["ip", *route], where=where)

    def _start_proxy(self, sidecar: Sidecar) -> None:
        sink = self.log(PROXY_CONTAINER)
        folder = self.machine.agent_folder(self.id)
        # Whoever may open the agent's socket gets its key: Envoy's user, or the app itself where it speaks xDS.
        user = (APP_ID if self.machine.mode.many_users else 0) if sidecar.proxyless else self.machine.proxy_id
        plan = ProxyPlan(
            kind=sidecar.kind,
            folder=folder,
            network=self.network,
            subject=TokenSubject(
                namespace=self.plan.namespace, service_account=self.spec.account, pod=self.plan.name, pod_uid=self.uid, node=NODE
            ),
            environment=self._bootstrap_variable(sidecar.environment(self.facts, self.plan)),
            files=self._files(user, [(str(folder), str(folder), False)], str(self.machine.root_certificate.parent)),
            discovery=sidecar.discovery,
            transparent=sidecar.transparent,
            sink=sink.sink,
            user=user,
            run_envoy=not sidecar.proxyless,
        )
        self.proxy = ProxyRun(plan, self.machine, self.around.changed)
        self.proxy.start()

    def _bootstrap_variable(self, environment: dict[str, str]) -> dict[str, str]:
        """Where a proxyless app finds its bootstrap file: beside the agent's socket, in a folder that both see at the same path."""
        if self.around.sidecar is not None and self.around.sidecar.proxyless:
            environment["GRPC_XDS_BOOTSTRAP"] = str(self.machine.agent_folder(self.id) / "grpc-bootstrap.json")
        return environment

    async def _until_proxy_ready(self) -> None:
        while self.proxy is not None and not self.proxy.ready:
            await asyncio.sleep(0.05)

    async def _wait_for_volumes(self) -> None:
        while True:
            self._news.clear()
            try:
                self._fill_volumes()
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
        self.init = [self._container(c, "Always" if _is_sidecar(c) else once) for c in self.spec.init_containers]
        self.containers = [self._container(c, policy) for c in self.spec.containers if c.name != skip]

    def _container(self, container: Container, policy: str) -> ContainerRun:
        sink = self.log(container.name)
        recipe = Recipe(
            container=container,
            start=lambda: self._start_container(container),
            target=lambda process: self._target(container, process),
            say=sink.write,
            restart=policy,
            grace=float(self.spec.termination_grace_period_seconds),
        )
        return ContainerRun(recipe, self.around.changed)

    def _target(self, container: Container, process: Process) -> Target:
        async def execute(command: tuple[str, ...]) -> tuple[int, str]:
            return await self._execute(container, process, command)

        return Target(
            home=self.machine.home,
            network=self.network,
            address=self.facts.addresses[0] if self.network is not None or self.system else "127.0.0.1",
            container=container,
            port=lambda number: self.app_ports.get(number, number),
            execute=execute,
        )

    async def _execute(self, container: Container, process: Process, command: tuple[str, ...]) -> tuple[int, str]:
        sink = os.memfd_create("said", os.MFD_CLOEXEC)
        try:
            run = self.enter(container, process, list(command), Streams(stdout=sink, stderr=sink))
            try:
                status = await run.wait()
            except asyncio.CancelledError:
                run.send(9)
                raise
            return status, (await run.failure) or os.pread(sink, 1 << 16, 0).decode(errors="replace")
        finally:
            os.close(sink)

    def enter(self, container: Container, process: Process, command: list[str], streams: Streams, terminal: str = "") -> Process:
        """Run a command beside a container's own process: same files, same network, same user."""
        orders = self._orders(container)
        joined = [os.open(f"/proc/{process.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("mnt", "uts", "ipc")]
        pids = os.open(f"/proc/{process.pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        extra = (*streams.extra, *joined)
        try:
            first = 5 + len(streams.extra)
            orders |= {"argv": command}
            if self.machine.mode.capturing:
                orders["join"] = list(range(first, first + len(joined)))
            if terminal:
                orders["env"] = {**orders["env"], "TERM": terminal}
            orders.pop("files", None)
            where = Where(network=self.network, pids_of=pids if self.machine.mode.capturing else None)
            with_joined = Streams(stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, extra=extra)
            return self.machine.processes.start(orders, where, with_joined)
        finally:
            for fd in (*joined, pids):
                os.close(fd)

    def _start_container(self, container: Container) -> Process:
        orders = self._orders(container)
        sink = self.log(container.name).sink
        where = Where(network=self.network, own_pids=self.machine.mode.capturing and self.system is None)
        return self.machine.processes.start(orders, where, Streams(stdout=sink, stderr=sink))

    def _orders(self, container: Container) -> dict[str, Any]:
        if self.system is not None:
            return self.system()
        annotations = self.plan.template.metadata.annotations
        command = images.resolve(container, annotations, self.machine.images, self.machine.places(self._app_port))
        base = {"PATH": self.machine.path, "HOME": "/tmp", "HOSTNAME": self._hostname(), "LANG": "C.UTF-8", **command.env}
        if self.spec.enable_service_links:
            base |= self.around.service_links()
        env = environment(container, self.facts, self.around.sources, base)
        env = self._bootstrap_variable(env)
        argv = [expand(word, env) for word in command.argv]
        cwd = container.working_dir or command.workdir or "/"
        orders: dict[str, Any] = {"argv": argv, "env": env, "cwd": cwd}
        if not self.machine.mode.capturing:
            return self._without_namespaces(container, orders)
        uid, gid = self._user(container)
        needs = [cwd if cwd != "/" else "", os.path.dirname(argv[0]) if argv[0].startswith("/") else ""]
        mounts = [self._mount(mount, env) for mount in container.volume_mounts]
        if self.around.sidecar is not None and self.around.sidecar.proxyless:
            folder = str(self.machine.agent_folder(self.id))
            mounts.append((folder, folder, True))
        groups = self.spec.security_context.supplemental_groups if self.spec.security_context else ()
        orders |= {"uid": uid, "gid": gid, "groups": list(groups), "hostname": self._hostname(), "files": self._files(uid, mounts, *needs)}
        return orders

    def _app_port(self, number: int) -> int:
        """The same number, but where a proxy of the machine's shared ports has that one."""
        if self.machine.mode.capturing or self.proxy is None:
            return number
        self.app_ports[number] = self.machine.ports.get(self.id, str(number))
        return self.app_ports[number]

    def _without_namespaces(self, container: Container, orders: dict[str, Any]) -> dict[str, Any]:
        for mount in container.volume_mounts:
            self._check_mount(container, mount)
        if self.around.sidecar is not None:
            orders["env"] = client_environment(self.around.sidecar.ports["http-proxy"]) | orders["env"]
            declared = {port.container_port for port in container.ports}
            for number in sorted(self.around.served() & declared - self.app_ports.keys()):
                raise ValueError(refusal(container.name, number))
        return orders | {"die_with_parent": True}

    def _check_mount(self, container: Container, mount: VolumeMount) -> None:
        """Scratch space is the machine's own, and an absent optional object shows nothing anywhere; content can't be shown at a path of the machine."""
        context = Context(facts=self.facts, sources=self.around.sources, token=self._token)
        for volume in self.spec.volumes:
            if volume.name == mount.name and not is_memory(volume) and files(volume, context):
                raise ValueError(
                    f"container {container.name!r}: volume {mount.name!r} at {mount.mount_path} needs namespaces, which this mesh runs without"
                )

    def _user(self, container: Container) -> tuple[int, int]:
        """Numbers as the pod asks for them; where there is one user only, everybody is that one."""
        if not self.machine.mode.many_users:
            return 0, 0
        own, pod = container.security_context, self.spec.security_context
        uid = _first(own.run_as_user if own else None, pod.run_as_user if pod else None, APP_ID)
        gid = _first(own.run_as_group if own else None, pod.run_as_group if pod else None, uid)
        if PROXY_ID in (uid, gid):
            raise ValueError(
                f"container {container.name!r}: user and group {PROXY_ID} are the proxy's, its traffic is not captured; choose another"
            )
        return uid, gid

    def _files(self, uid: int, mounts: list[tuple[str, str, bool]], *needs: str) -> dict[str, Any]:
        texts = {"/etc/resolv.conf": self._resolv_conf(), "/etc/hosts": self._hosts(), "/etc/hostname": self._hostname() + "\n"}
        return {"needs": self.machine.needs(*needs), "hidden": list(self.machine.hidden), "texts": texts, "mounts": mounts, "uid": uid}

    def _hostname(self) -> str:
        return (self.spec.hostname or self.plan.name)[:63]

    def _resolv_conf(self) -> str:
        servers: list[str] = [str(GATEWAYS[0])]
        searches = [f"{self.plan.namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
        options = ["ndots:5"]
        config = self.spec.dns_config
        if self.spec.dns_policy == "None":
            servers, searches, options = [], [], []
        elif self.spec.dns_policy == "Default":
            searches, options = [], []
        if config is not None:
            servers += config.nameservers
            searches += config.searches
            options += [f"{o.name}:{o.value}" if o.value else o.name for o in config.options]
        lines = [f"nameserver {server}" for server in servers]
        lines += [f"search {' '.join(searches)}"] if searches else []
        lines += [f"options {' '.join(options)}"] if options else []
        return "\n".join([*lines, ""])

    def _hosts(self) -> str:
        lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
        full = f"{self._hostname()}.{self.spec.subdomain}.{self.plan.namespace}.svc.cluster.local\t" if self.spec.subdomain else ""
        lines += [f"{address}\t{full}{self._hostname()}" for address in self.addresses.texts()]
        lines += [f"{alias.ip}\t{' '.join(alias.hostnames)}" for alias in self.spec.host_aliases]
        return "\n".join([*lines, ""])

    def _mount(self, mount: VolumeMount, env: Mapping[str, str]) -> tuple[str, str, bool]:
        if not any(volume.name == mount.name for volume in self.spec.volumes):
            raise ValueError(f"volumeMount {mount.mount_path}: the pod has no volume {mount.name!r}")
        source = self.machine.volumes.folder(self.id, mount.name)
        below = mount.sub_path or expand(mount.sub_path_expr, env)
        path = os.path.normpath(mount.mount_path)
        if not below:
            return path, str(source), mount.read_only
        target = os.path.realpath(os.path.join(source, below))
        if not target.startswith(str(source) + "/"):
            raise ValueError(f"volumeMount {mount.mount_path}: subPath {below!r} leaves the volume")
        if not os.path.exists(target):
            os.makedirs(target)
            os.chmod(target, 0o777)
        return path, target, mount.read_only

    def _fill_volumes(self) -> None:
        context = Context(facts=self.facts, sources=self.around.sources, token=self._token)
        for volume in self.spec.volumes:
            if is_memory(volume):
                self.machine.volumes.empty(self.id, volume.name)
                continue
            self.machine.volumes.fill(self.id, volume.name, files(volume, context), self._owner())

    def _owner(self) -> tuple[int, int] | None:
        """Who owns the files of volumes: the user that an image's root is here, and the group that the pod names."""
        if not self.machine.mode.many_users:
            return None
        pod = self.spec.security_context
        return APP_ID, _first(pod.fs_group if pod else None, APP_ID)

    def _token(self, audience: str, seconds: int) -> str:
        subject = TokenSubject(
            namespace=self.plan.namespace, service_account=self.spec.account, pod=self.plan.name, pod_uid=self.uid, node=NODE
        )
        return self.machine.tokens.issue(subject, self.machine.clock(), lifetime=seconds, audience=audience)

    def _clean_up(self) -> None:
        if self.network is not None:
            os.close(self.network)
            self.network = None
        for file in self._logs.values():
            file.close()
        self._logs.clear()
        self.machine.volumes.forget(self.id)


def _outline(container: Container) -> Container:
    return Container(name=container.name, image=container.image, ports=container.ports, restart_policy=container.restart_policy)


def _owners(plan: PodPlan) -> tuple[OwnerReference, ...]:
    """As in Kubernetes a Deployment's pod belongs to a ReplicaSet, whose name ends in the template's hash."""
    kind, name = plan.owner.kind, plan.owner.name
    if kind == "Deployment":
        kind, name = "ReplicaSet", f"{name}-{plan.version}"
    return (OwnerReference(api_version="batch/v1" if kind == "Job" else "apps/v1", kind=kind, name=name, controller=True),)


def _is_sidecar(container: Container) -> bool:
    return container.restart_policy == "Always"


def _ended_well(run: ContainerRun) -> bool:
    return run.phase is Phase.TERMINATED and run.exit_code == 0


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
