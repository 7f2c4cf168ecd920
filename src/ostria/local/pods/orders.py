"""What the launcher is told for each container of a pod: command, environment, user, and the files that it sees."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.pod import PodSpec
from ostria.local.containers import images
from ostria.local.containers.environment import environment, expand
from ostria.local.containers.fields import PodFacts
from ostria.local.controllers.plan import PodPlan
from ostria.local.network.links import GATEWAYS, Addresses
from ostria.local.pods.machine import APP_ID, PROXY_ID, Machine
from ostria.local.pods.surroundings import Surroundings
from ostria.local.pods.uncaptured import client_environment, refusal
from ostria.local.pods.volumes import PodVolumes


@dataclass(slots=True, kw_only=True, eq=False)
class PodOrders:
    id: str
    plan: PodPlan
    facts: PodFacts
    machine: Machine
    addresses: Addresses
    around: Surroundings
    volumes: PodVolumes
    system: Callable[[], dict[str, Any]] | None
    """The orders of a part of the mesh itself, which is no app and sees the machine as the supervisor does."""
    app_ports: dict[int, int] = field(default_factory=dict)
    """Without capture: where the app serves what its manifest says is on another port."""

    @property
    def spec(self) -> PodSpec:
        return self.plan.template.spec

    def of(self, container: Container) -> dict[str, Any]:
        """Raise MissingReference where an object is not there yet, ValueError where the container can't run as it is written."""
        if self.system is not None:
            return self.system()
        annotations = self.plan.template.metadata.annotations
        command = images.resolve(container, annotations, self.machine.images, self.machine.places(self._app_port))
        base = {"PATH": self.machine.path, "HOME": "/tmp", "HOSTNAME": self._hostname(), "LANG": "C.UTF-8", **command.env}
        if self.spec.enable_service_links:
            base |= self.around.service_links()
        env = environment(container, self.facts, self.around.sources, base)
        env = self.bootstrap_variable(env)
        argv = [expand(word, env) for word in command.argv]
        cwd = container.working_dir or command.workdir or "/"
        orders: dict[str, Any] = {"argv": argv, "env": env, "cwd": cwd}
        if not self.machine.mode.capturing:
            return self._without_namespaces(container, orders)
        uid, gid = self._user(container)
        needs = [cwd if cwd != "/" else "", os.path.dirname(argv[0]) if argv[0].startswith("/") else ""]
        mounts = [self.volumes.mount(mount, env) for mount in container.volume_mounts]
        if self.around.sidecar is not None and self.around.sidecar.proxyless:
            folder = str(self.machine.agent_folder(self.id))
            mounts.append((folder, folder, True))
        groups = self.spec.security_context.supplemental_groups if self.spec.security_context else ()
        orders |= {"uid": uid, "gid": gid, "groups": list(groups), "hostname": self._hostname(), "files": self.files(uid, mounts, *needs)}
        return orders

    def bootstrap_variable(self, environment: dict[str, str]) -> dict[str, str]:
        """Where a proxyless app finds its bootstrap file: beside the agent's socket, in a folder that both see at the same path."""
        if self.around.sidecar is not None and self.around.sidecar.proxyless:
            environment["GRPC_XDS_BOOTSTRAP"] = str(self.machine.agent_folder(self.id) / "grpc-bootstrap.json")
        return environment

    def files(self, uid: int, mounts: list[tuple[str, str, bool]], *needs: str) -> dict[str, Any]:
        texts = {"/etc/resolv.conf": self._resolv_conf(), "/etc/hosts": self._hosts(), "/etc/hostname": self._hostname() + "\n"}
        return {"needs": self.machine.needs(*needs), "hidden": list(self.machine.hidden), "texts": texts, "mounts": mounts, "uid": uid}

    def _app_port(self, number: int) -> int:
        """The same number, but where a proxy of the machine's shared ports has that one."""
        if self.machine.mode.capturing or self.around.sidecar is None:
            return number
        self.app_ports[number] = self.machine.ports.get(self.id, str(number))
        return self.app_ports[number]

    def _without_namespaces(self, container: Container, orders: dict[str, Any]) -> dict[str, Any]:
        for mount in container.volume_mounts:
            self.volumes.check(container, mount)
        if self.around.sidecar is not None:
            orders["env"] = client_environment(self.around.sidecar.ports["http-proxy"]) | orders["env"]
            declared = {port.container_port for port in container.ports}
            for number in sorted(self.around.served() & declared - self.app_ports.keys()):
                raise ValueError(refusal(container.name, number))
        return orders | {"die_with_parent": True}

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


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
