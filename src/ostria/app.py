"""The one place where the control plane is wired together, and the only one that knows all settings.

Files → store → snapshots → translator → discovery; beside them identity, debug pages and metrics. Settings are read once, in `cli`, and handed in.
"""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from joserfc.jwk import KeySet

from ostria.api.problem import Problem
from ostria.config.files import FilesSource
from ostria.config.store import Store
from ostria.discovery.debug.http import HttpServer
from ostria.discovery.debug.inspection import Inspection
from ostria.discovery.debug.monitoring import Monitoring
from ostria.discovery.debug.pages import DebugPages
from ostria.discovery.debug.xds import DebugRequests
from ostria.discovery.mesh_file import MeshFile
from ostria.discovery.metrics import Metrics
from ostria.discovery.news import News
from ostria.discovery.pushes import Pushes
from ostria.discovery.server.connection import Connection
from ostria.discovery.server.discovery_server import DiscoveryServer, Secure
from ostria.discovery.server.listen import SERVER_NAMES
from ostria.discovery.server.pulse import CollectorWatch, TimedLoop
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.world import World
from ostria.discovery.worlds import Worlds
from ostria.identity.authority import Authority, new_key, self_signed
from ostria.identity.authority_files import kept, watched_plug_in
from ostria.identity.files import jwks_file
from ostria.identity.token_authenticator import TokenAuthenticator
from ostria.snapshot.snapshots import Snapshots
from ostria.translate.tamper import tamper
from ostria.translate.translator import Translator

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Addresses are HOST:PORT, :PORT (every address), unix:PATH; an empty one is not opened."""

    config: tuple[str, ...]
    namespace: str = "default"
    spares: str = ""
    """Last good versions that somebody keeps for this process: see `ostria.config.ownership`."""
    mesh_config: Path | None = None
    domain: str = "cluster.local"
    state: Path | None = None
    cacerts: Path | None = None
    rsa_bits: int = 0
    jwks: Path | None = None
    issuer: str | None = None
    xds_address: str = "127.0.0.1:15010"
    tls_address: str = ":15012"
    debug_address: str = "127.0.0.1:8080"
    metrics_address: str = "127.0.0.1:15014"
    server_names: tuple[str, ...] = SERVER_NAMES
    tamper: str = ""
    """For tests: see `ostria.translate.tamper`."""


class ControlPlane:
    """Started with `start`; `ready` as soon as it serves."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version = version("ostria")
        self.metrics = Metrics(self.version)
        self.thread = WorldThread()
        self.store = Store()
        self.source = FilesSource(settings.config, self.store, settings.namespace, self._problems_changed, settings.spares)
        self.translator = Translator(tamper(settings.tamper) if settings.tamper else None)
        self.metrics.count_builds(lambda: dict(self.translator.builds))
        self.mesh_file = MeshFile(settings.mesh_config)
        self.pushes = Pushes(lambda: self.translator.builds)
        self.news = News(self._problems, lambda: self.worlds.current.snapshot.dangling(), self._inspection().locate)
        self.worlds = Worlds(self.store, self._snapshots, self.translator, self.metrics, pushes=self.pushes)
        self.ready = False
        self.server: DiscoveryServer
        self.debug_server: HttpServer | None = None
        self.metrics_server: HttpServer | None = None
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Read, build, serve. Raise CannotListen, or ValueError and OSError for identity files that can't be used; close then."""
        began = time.monotonic()
        self._open.callback(self.thread.close)
        await self.thread.run(self.source.load)
        world = await self.thread.run(self.worlds.begin)
        authority, authenticator = self._authority(world.snapshot.mesh.trust_domain), self._authenticator()
        secure = Secure(
            address=self.settings.tls_address, authority=authority, authenticator=authenticator, names=self.settings.server_names
        )
        self.server = DiscoveryServer(
            world,
            self.thread,
            self.metrics,
            plaintext=self.settings.xds_address,
            secure=secure if self.settings.tls_address else None,
            debug=DebugRequests(self.connections, lambda: self.worlds.current.snapshot.mesh.root_namespace),
            pushes=self.pushes,
        )
        self._open.push_async_callback(self.server.stop)
        await self.server.start()
        pages = DebugPages(
            inspection=self._inspection(), thread=self.thread, authenticator=authenticator, ready=lambda: self.ready, version=self.version
        )
        self.debug_server = await self._http(self.settings.debug_address, pages)
        monitoring = Monitoring(
            metrics=self.metrics,
            version=self.version,
            ready=lambda: self.ready,
            connections=self.connections,
            authority=authority,
            began=began,
        )
        self.metrics_server = await self._http(self.settings.metrics_address, monitoring)
        self._follow()
        self._measure()
        self.ready = True

    async def _http(self, address: str, handler: DebugPages | Monitoring) -> HttpServer | None:
        if not address:
            return None
        server = HttpServer(address, handler)
        await server.start()
        self._open.push_async_callback(server.stop)
        return server

    def _follow(self) -> None:
        """From here on changes are pushed."""
        loop = asyncio.get_running_loop()

        def publish(world: World, began: float) -> None:
            loop.call_soon_threadsafe(self.server.pusher.push, world, began)
            self.news.changed()

        self.thread.begin(self.worlds.run(publish))
        self.thread.begin(self.worlds.rest())
        self.thread.begin(self.source.watch())
        self.thread.begin(self.mesh_file.watch(self.worlds.mesh_changed))
        self.thread.begin(self.news.run())

    def _measure(self) -> None:
        collector, loop = CollectorWatch(self.metrics), asyncio.get_running_loop()
        if isinstance(loop, TimedLoop):
            loop.measure(self.metrics)
        collector.begin()
        self._open.callback(collector.end)

    async def close(self) -> None:
        self.ready = False
        await self._open.aclose()

    def connections(self) -> tuple[Connection, ...]:
        return tuple(self.server.pusher.connections.values())

    def _snapshots(self) -> Snapshots:
        return Snapshots(self.mesh_file.of, self.settings.domain)

    def _authority(self, trust_domain: str) -> Callable[[], Authority]:
        if self.settings.cacerts is not None:
            return watched_plug_in(self.settings.cacerts, time.time)
        if self.settings.state is not None:
            made = kept(self.settings.state / "ca", trust_domain, time.time(), rsa_bits=self.settings.rsa_bits)
        else:
            log.warning("without --state the root certificate is new at every start")
            made = self_signed(new_key(self.settings.rsa_bits), trust_domain, time.time())
        return lambda: made

    def _authenticator(self) -> TokenAuthenticator:
        if self.settings.jwks is None and self.settings.tls_address:
            log.warning("without --jwks nobody can authenticate on %s", self.settings.tls_address)
        keys = jwks_file(self.settings.jwks) if self.settings.jwks is not None else lambda: KeySet([])
        return TokenAuthenticator(keys, lambda: self.worlds.current.snapshot.mesh.trust_domain, issuer=self.settings.issuer)

    def _inspection(self) -> Inspection:
        return Inspection(
            snapshot=lambda: self.worlds.current.snapshot,
            store=self.store,
            problems=self._problems,
            failures=lambda: ((each.words, each.origins) for each in self.translator.problems()),
            connections=self.connections,
            builds=lambda: dict(self.translator.builds),
            pushes=self.pushes,
        )

    def _problems(self) -> tuple[Problem, ...]:
        return (*self.source.problems, *self.mesh_file.problems)

    def _problems_changed(self) -> None:
        self.metrics.problems.set(len(self.source.problems))
        self.news.changed()


async def discovery(settings: Settings, announce: Callable[[ControlPlane], None]) -> None:
    """Run the control plane until SIGTERM or SIGINT; `announce` is called once, when it serves."""
    # Streams share the interpreter with the world's thread: hand it over soon.
    sys.setswitchinterval(0.002)
    # Short pauses: young objects are looked at by the thousand, old ones when `Worlds` says so.
    gc.set_threshold(5_000, 5, 1_000_000)
    gc.freeze()
    plane, stop, loop = ControlPlane(settings), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await plane.start()
        announce(plane)
        await stop.wait()
    finally:
        await plane.close()
