"""The first process of the mesh: sets up what all pods share, follows the files, keeps the mesh as they say, answers the command line.

It is started inside the mesh's namespaces with its orders on descriptor 3 and tells its progress on descriptor 4, one JSON object per line.
"""

import asyncio
import contextlib
import errno
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ostria.api.problem import Severity
from ostria.config.files import FilesSource
from ostria.config.mesh import MeshSettings
from ostria.config.store import Store
from ostria.identity.authority_files import kept
from ostria.identity.tokens import TokenIssuer
from ostria.local import ostria_yaml
from ostria.local.admission import Admission
from ostria.local.announcements import Announcements
from ostria.local.containers.volume_store import VolumeStore
from ostria.local.control.server import ControlServer
from ostria.local.control_plane import System
from ostria.local.dns.server import DnsServer, Outside
from ostria.local.edge_envoys import EdgeEnvoys
from ostria.local.inside.files import arrange_mesh
from ostria.local.inside.syscalls import die_with_parent
from ostria.local.kernel.namespaces import Home
from ostria.local.kernel.processes import SOURCE, Processes
from ostria.local.mesh import Mesh
from ostria.local.network.address_book import AddressBook
from ostria.local.network.iptables import Iptables, NoIptables
from ostria.local.network.links import GATEWAYS, POD_NETWORKS, Network, has_ipv6
from ostria.local.objects import Objects
from ostria.local.operations.operations import Operations
from ostria.local.paths import INSIDE, MeshPaths
from ostria.local.pods import uncaptured
from ostria.local.pods.machine import Machine, Mode, examples
from ostria.local.pods.uncaptured import Ports
from ostria.local.published import Published

log = logging.getLogger("ostria")

IMPOSSIBLE = 125
_ORDERS, _PROGRESS = 3, 4
_PATIENCE = 120.0


class Impossible(Exception):
    """This machine does not let the mesh capture traffic; the text says what was tried."""


class Supervisor:
    def __init__(self, orders: dict[str, Any]) -> None:
        self._orders = orders
        self._mode = Mode(orders["mode"])
        self._paths = MeshPaths(name=orders["mesh"], state=Path(orders["state"]), runtime=Path(orders["runtime"]))
        self._inside = INSIDE if self._mode.capturing else self._paths.runtime / "inside"
        self._stopping = asyncio.Event()
        self._settled = asyncio.Event()
        self._announcements = Announcements(_PROGRESS)
        self._problems: set[str] = set()
        self._announced = False

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        home = Home()
        processes = Processes(home)
        processes.watch()
        try:
            operations, control, edge = await self._start(home, processes)
        except Impossible as reason:
            self._announcements.tell(impossible=str(reason))
            return IMPOSSIBLE
        except OSError as error:
            hint = "\nhint: free some space there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            self._announcements.tell(failed=f"{error.filename or self._paths.state}: {error.strerror or error}{hint}")
            return 1
        except ValueError as error:
            self._announcements.tell(failed=str(error))
            return 1
        mesh = operations.mesh
        watching = loop.create_task(operations.source.watch())
        gc.collect()
        gc.freeze()
        announcing = loop.create_task(self._announce(operations, edge))
        await self._stopping.wait()
        self._announcements.tell(say="stopping")
        for task in (watching, announcing):
            task.cancel()
        await mesh.end()
        await edge.stop()
        await control.close()
        return 0

    async def _start(self, home: Home, processes: Processes) -> tuple[Operations, ControlServer, EdgeEnvoys]:
        network, iptables = Network(home), Iptables(processes)
        if self._mode.capturing:
            self._arrange_files()
            try:
                network.start()
                await iptables.start()
            except OSError as error:
                raise Impossible(f"the mesh's network can't be made: {error}") from None
            except NoIptables as reason:
                raise Impossible(str(reason)) from None
        own = ostria_yaml.read(self._orders["files"])
        store = Store()
        paths = [*self._orders["files"], str(self._paths.objects)]
        last_good = Published(self._inside / "last-good")
        source = FilesSource(paths, store, self._orders["namespace"], on_change=lambda: self._files_changed(source, store, last_good))
        source.load()
        self._check_security(source)
        machine = self._machine(home, processes, network, iptables, own)
        dns = DnsServer(Outside(self._sockets(), self._orders["nameservers"], {k: tuple(v) for k, v in self._orders["hosts"].items()}))
        objects = Objects(
            store=store,
            addresses=self._address_book(),
            machine=machine,
            gateway_ports=own.gateway_ports,
            published_port=self._orders["gateway_port"],
        )
        mesh = Mesh(
            objects=objects,
            admission=Admission(objects=objects, settings=MeshSettings(own.mesh_config), system=self._system(machine, own)),
            published=Published(self._inside / "config"),
            dns=dns,
            rules=iptables.services if self._mode.capturing else lambda _: None,
        )
        edge = EdgeEnvoys(machine, self._paths, self._orders["gateway_port"], self._inside)
        mesh.on_settled = lambda: self._mesh_settled(mesh, edge)
        if self._mode.capturing:
            for address in GATEWAYS if has_ipv6() else GATEWAYS[:1]:
                await dns.start(str(address))
            edge.start()
        mesh.start()
        operations = Operations(mesh=mesh, source=source, paths=self._paths, stop=self._stopping.set, facts=self._facts)
        control = ControlServer(self._paths.control, operations.table())
        control.start()
        return operations, control, edge

    # parts of the start

    def _arrange_files(self) -> None:
        keep = [str(self._paths.state), str(self._paths.runtime), sys.prefix, sys.base_prefix, SOURCE, str(examples()), os.getcwd()]
        keep += [str(path if path.is_dir() else path.parent) for path in map(Path, self._orders["files"])]
        texts = {"/etc/resolv.conf": f"nameserver {GATEWAYS[0]}\nsearch svc.cluster.local cluster.local\noptions ndots:5\n"}
        arrange_mesh(list(dict.fromkeys(map(os.path.realpath, keep))), texts)
        INSIDE.mkdir(mode=0o755, exist_ok=True)

    def _check_security(self, source: FilesSource) -> None:
        """A refused policy would leave the mesh open: it does not start."""
        if missing := source.unenforced:
            wrong = [str(problem) for problem in source.problems if problem.severity is Severity.ERROR]
            policies = ", ".join(map(str, missing))
            raise ValueError("\n".join([*wrong, f"the mesh does not start without what its files ask to be enforced: {policies}"]))

    def _files_changed(self, source: FilesSource, store: Store, last_good: Published) -> None:
        """Tell at once what is wrong now; keep the last good version of what is refused, for a control plane that starts anew and never saw it."""
        self._say_problems(source)
        stale = (entry.object for kind in store.kinds() for entry in store.list(kind) if entry.origin.stale)
        try:
            last_good.show(stale)
        except OSError as error:
            log.error("last good versions can't be kept: %s", error.strerror)

    def _say_problems(self, source: FilesSource) -> None:
        """What is wrong from the start stands in the announcement."""
        now = set(map(str, source.problems))
        if self._announced:
            for text in sorted(now - self._problems):
                log.warning("%s", text)
                self._announcements.tell(say=text)
        self._problems = now

    def _machine(self, home: Home, processes: Processes, network: Network, iptables: Iptables, own: ostria_yaml.OwnSettings) -> Machine:
        authority = kept(self._paths.authority, "cluster.local", time.time())
        root = self._inside / "root" / "root-cert.pem"
        for folder in (self._inside, root.parent, self._inside / "agents", self._inside / "volumes", self._inside / "config"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        root.write_text(authority.trust_bundle)
        tokens = TokenIssuer()
        (self._inside / "jwks.json").write_text(tokens.jwks())
        return Machine(
            mesh=self._paths.name,
            mode=self._mode,
            home=home,
            processes=processes,
            network=network,
            volumes=VolumeStore(self._inside / "volumes"),
            logs=self._paths.logs,
            agents=self._inside / "agents",
            root_certificate=root,
            tokens=tokens,
            images=own.images,
            path=self._orders["path"],
            hidden=(str(self._paths.state), str(self._paths.runtime)),
            restore=iptables.restore,
            ports=Ports(self._paths.name),
            clock=time.time,
        )

    def _address_book(self) -> AddressBook:
        capturing = self._mode.capturing
        networks = POD_NETWORKS if capturing else uncaptured.networks(self._paths.name)
        return AddressBook(self._paths.addresses, "pods" if capturing else "loopback", networks, pods_ipv6=capturing)

    def _system(self, machine: Machine, own: ostria_yaml.OwnSettings) -> System:
        settings: Path | None = None
        if own.mesh_config:
            settings = self._inside / "mesh.json"
            settings.write_text(json.dumps(dict(own.mesh_config)))
        return System(
            config=[*self._orders["files"], str(self._paths.objects), str(self._inside / "config")],
            last_good=self._inside / "last-good",
            namespace=self._orders["namespace"],
            state=self._paths.state,
            jwks=self._inside / "jwks.json",
            mesh_config=settings,
            path=machine.path,
        )

    def _sockets(self) -> list[socket.socket]:
        """UDP sockets that were opened on the host: they still send from there."""
        return [socket.socket(fileno=fd) for fd in self._orders["sockets"]]

    # while it runs

    def _mesh_settled(self, mesh: Mesh, edge: EdgeEnvoys) -> None:
        if self._mode.capturing:
            edge.follow(mesh)
        for pod in mesh.pods.values():
            if pod.ready:
                self._announcements.ready(pod.plan.namespace, pod.plan.name)
        self._settled.set()

    async def _announce(self, operations: Operations, edge: EdgeEnvoys) -> None:
        """Tell when everything serves, or what does not."""
        mesh = operations.mesh
        deadline = time.monotonic() + _PATIENCE
        while True:
            self._settled.clear()
            pods = list(mesh.pods.values())
            waiting = [pod for pod in pods if not pod.ready and pod.finished is None and not pod.hopeless]
            if pods and not waiting and (edge.open or not self._mode.capturing):
                break
            timeout = min(1.0 if not waiting else deadline - time.monotonic(), 0.1 if not waiting else 1e9)
            if deadline <= time.monotonic():
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), timeout)
        self._announcements.tell(ready={"undeclared": mesh.undeclared(), **await operations.state()})
        self._announced = True

    def _facts(self) -> dict[str, Any]:
        return {
            "mesh": self._paths.name,
            "mode": str(self._mode),
            "why": self._orders["why"],
            "watched": self._orders["files"],
            "state": str(self._paths.state),
            "gateway_port": self._orders["gateway_port"],
        }


def main() -> None:
    with os.fdopen(_ORDERS) as paper:
        orders = json.load(paper)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    os.umask(0o022)
    if not Mode(orders["mode"]).capturing:
        die_with_parent(signal.SIGKILL)
    sys.exit(asyncio.run(_run(orders)))


async def _run(orders: dict[str, Any]) -> int:
    return await Supervisor(orders).run()
