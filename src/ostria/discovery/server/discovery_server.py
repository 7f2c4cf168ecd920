"""The whole discovery server as one object: ports, streams, queue; begun with a world, told of new ones, stopped gracefully."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import grpc.aio

from ostria.discovery.metrics import Metrics
from ostria.discovery.pushes import Pushes
from ostria.discovery.server.ads import AggregatedDiscovery, Debug
from ostria.discovery.server.calls import Authenticate, by_token, nobody
from ostria.discovery.server.certificates import CertificateService
from ostria.discovery.server.gate import SendGate
from ostria.discovery.server.heap import give_back, malloc_trim
from ostria.discovery.server.limits import Limits
from ostria.discovery.server.listen import SERVER_NAMES, ServerCertificate, bind, grpc_server
from ostria.discovery.server.push import Pusher
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.world import World
from ostria.identity.authority import Authority
from ostria.identity.caller import Authenticator

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secure:
    """What the TLS port needs."""

    address: str
    authority: Callable[[], Authority]
    authenticator: Authenticator
    names: tuple[str, ...] = SERVER_NAMES


class DiscoveryServer:
    """`plaintext` is an address without authentication: loopback or a Unix socket; empty for none."""

    def __init__(
        self,
        world: World,
        thread: WorldThread,
        metrics: Metrics,
        *,
        plaintext: str,
        secure: Secure | None,
        debug: Debug,
        pushes: Pushes | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self.metrics, self._thread = metrics, thread
        self.pusher = Pusher(world, thread, metrics, pushes or Pushes(), self._limits.streams_per_proxy)
        self._plaintext, self._secure, self._debug = plaintext, secure, debug
        self._gate = SendGate(self._limits)
        self._servers: list[grpc.aio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.plaintext_port = self.secure_port = 0

    async def start(self) -> None:
        """Raise CannotListen when a port can't be had."""
        if self._plaintext:
            server = grpc_server([self._discovery(nobody).handlers()], self._limits)
            self.plaintext_port = bind(server, self._plaintext, None)
            self._servers.append(server)
        if self._secure is not None:
            self._servers.append(self._secured(self._secure))
        self._tasks.append(asyncio.create_task(self.pusher.run()))
        if (trim := malloc_trim()) is not None:
            self._tasks.append(asyncio.create_task(give_back(self._gate, trim)))
        for server in self._servers:
            await server.start()

    def _secured(self, secure: Secure) -> grpc.aio.Server:
        authenticate = by_token(secure.authenticator, self.metrics)
        certificates = CertificateService(secure.authority, authenticate, self.metrics)
        server = grpc_server([self._discovery(authenticate).handlers(), certificates.handlers()], self._limits)
        self.secure_port = bind(server, secure.address, ServerCertificate(secure.authority, secure.names).credentials())
        return server

    def _discovery(self, authenticate: Authenticate) -> AggregatedDiscovery:
        return AggregatedDiscovery(self.pusher, self._thread, self._gate, self._limits, authenticate, self._debug)

    async def stop(self, grace: float = 1.0) -> None:
        """Take no new calls, let calls end for `grace` seconds; proxies keep what they have and look for us again."""
        await asyncio.gather(*(server.stop(grace) for server in self._servers))
        for task in self._tasks:
            task.cancel()
