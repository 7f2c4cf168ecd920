"""One proxy's stream at work: requests into the protocol, responses out of it, one task for each direction.

The two directions meet in the stream's state machine only. A proxy that reads slowly holds up its own writer, and what changes meanwhile merges.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from ostria.discovery.metrics import Metrics, short
from ostria.discovery.protocol.delta import DeltaStream
from ostria.discovery.protocol.order import Turn
from ostria.discovery.protocol.rejections import Rejection, Rejections
from ostria.discovery.protocol.requests import DeltaRequest, Response, SotwRequest
from ostria.discovery.protocol.sotw import SotwStream
from ostria.discovery.pushes import Push, Pushes, Share
from ostria.discovery.server.gate import SendGate, Write
from ostria.discovery.server.limits import Limits
from ostria.discovery.server.refusal import Refused, too_much
from ostria.discovery.server.secrets import SecretFilter
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.world import World
from ostria.identity.caller import Caller
from ostria.snapshot.view import Proxy
from ostria.translate.names import SDS
from ostria.translate.prepared import ResourceSet

log = logging.getLogger(__name__)

SERVED = frozenset(turn.value for turn in Turn)
"""A type that is not served is never answered."""


@dataclass(slots=True, eq=False)
class Pending:
    """A push that the proxy has not been told of completely."""

    world: World
    began: float
    queued: float


@dataclass(slots=True, eq=False)
class Connection:
    id: str
    claims: Proxy
    """As the node and the caller have it."""
    caller: Caller | None
    peer: str
    stream: DeltaStream | SotwStream
    rejections: Rejections
    thread: WorldThread
    gate: SendGate
    limits: Limits
    metrics: Metrics
    pushes: Pushes
    newest: Callable[[], World]
    world: World
    """What the proxy was last told of."""
    proxy: Proxy
    """The claims, completed from the registry of `world`."""
    connected: float = field(default_factory=time.time)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while resources are fetched, so that a new type and a new world don't pass each other."""
    pushing: Pending | None = None
    share: Share = field(default_factory=Share)
    slow: bool = False
    """It took its last large message slowly."""
    secrets: SecretFilter = field(init=False)
    patience: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.secrets = SecretFilter(self.caller)

    # Requests

    async def receive(self, request: DeltaRequest | SotwRequest) -> None:
        if request.type_url not in SERVED:
            log.info("%s asks for %r, a type that is not served", self.id, request.type_url[:200])
            return
        self.metrics.requests.labels(short(request.type_url)).inc()
        async with self.lock:
            known = self.stream.subscription(request.type_url)
            content = known.current if known else await self._open(request.type_url)
            self._count_nonce(request)
            rejected = self._take(request, content)
        self.share.answered(request.type_url, request.nonce, time.monotonic(), refused=request.error is not None)
        for each in rejected:
            self._tell(each)
        self._count_refusals(request)
        self._check_size(request.type_url)
        self.wake.set()

    def _take(self, request: DeltaRequest | SotwRequest, content: ResourceSet) -> list[Rejection]:
        match request, self.stream:
            case DeltaRequest(), DeltaStream():
                return self.stream.receive(request, content)
            case SotwRequest(), SotwStream():
                return self.stream.receive(request, content)
            case _:
                raise TypeError("a stream speaks one variant")

    async def _open(self, type_url: str) -> ResourceSet:
        """The content of a type that the proxy asks for the first time, from the newest world; all its types move to that world together."""
        found = await self._move(self.newest(), (type_url,))
        return found[type_url]

    async def _move(self, world: World, more: tuple[str, ...] = ()) -> dict[str, ResourceSet]:
        if world is self.world:
            self.proxy, found = await self._fetch(world, more, None)
        else:
            push = self.pushes.of(world.version)
            proxy, found = await self._fetch(world, (*(each.type_url for each in self.stream), *more), push)
            self.share.enter(push, (each.type_url for each in self.stream if each.holds.base is not None))
            self.world, self.proxy = world, proxy
        self.stream.update(found)
        return found

    async def _fetch(self, world: World, types: tuple[str, ...], push: Push | None) -> tuple[Proxy, dict[str, ResourceSet]]:
        proxy, found = await self.thread.run(_ask, world, self.claims, types, self.metrics, push)
        if SDS in found:
            found[SDS] = self.secrets(found[SDS])
        return proxy, found

    def _tell(self, rejection: Rejection) -> None:
        made_by = ", ".join(map(str, rejection.origins)) or "no object"
        log.warning("%s refused %s %r, made by %s: %s", self.id, short(rejection.type_url), rejection.name, made_by, rejection.words)

    def _count_nonce(self, request: DeltaRequest | SotwRequest) -> None:
        known = self.stream.subscription(request.type_url)
        if known is not None and request.nonce and request.nonce != known.sent_nonce:
            self.metrics.expired_nonces.labels(short(request.type_url)).inc()

    def _count_refusals(self, request: DeltaRequest | SotwRequest) -> None:
        if request.error is not None:
            self.metrics.rejects.labels(short(request.type_url)).inc()

    def _check_size(self, type_url: str) -> None:
        known = self.stream.subscription(type_url)
        if known is not None and len(known.names) > self.limits.names:
            raise too_much(f"a stream may ask for at most {self.limits.names} names of a type")

    # Worlds

    async def enter(self, world: World) -> None:
        """The proxy's part of a new world; responses follow from the writer. Raise LookupError when the proxy has no place in it any more."""
        async with self.lock:
            if world is not self.world:
                await self._move(world)
        self.wake.set()

    # Responses

    async def write(self, send: Write) -> None:
        """Send whatever is due, for ever. Raise Refused when the proxy doesn't read."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while (response := self.stream.respond(self.world.version)) is not None:
                await self._send(response, send)
            self._settled()

    async def _send(self, response: Response, send: Write) -> None:
        begin, kind = time.perf_counter(), short(response.type_url)
        self.share.sent(response)
        try:
            self.slow = await self.gate.send(send, response, slow=self.slow)
        except TimeoutError:
            self.metrics.write_timeouts.inc()
            raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "the proxy does not read", "slow") from None
        self.metrics.send_time.observe(time.perf_counter() - begin)
        self.metrics.pushes.labels(kind).inc()
        self.metrics.config_size.labels(kind).observe(response.size)

    def _settled(self) -> None:
        """Everything that may be sent now has been sent."""
        if (pending := self.pushing) is not None and pending.world is self.world:
            self.metrics.convergence_time.observe(time.monotonic() - pending.began)
            self.pushing = None
        if self.patience is None and self.stream.waiting:
            self.patience = asyncio.get_running_loop().call_later(self.limits.patience_seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        self.patience = None
        if self.stream.waiting:
            self.stream.lose_patience()
            self.wake.set()

    def close(self) -> None:
        self.share.close()
        if self.patience is not None:
            self.patience.cancel()


def _ask(world: World, claims: Proxy, types: tuple[str, ...], metrics: Metrics, push: Push | None) -> tuple[Proxy, dict[str, ResourceSet]]:
    """Runs in the world's thread; the time goes to the account of `push`."""
    proxy = world.complete(claims)
    found = {}
    for type_url in types:
        begin = time.perf_counter()
        found[type_url] = world.resources(proxy, type_url)
        seconds = time.perf_counter() - begin
        metrics.push_time.labels(short(type_url)).observe(seconds)
        if push is not None:
            push.translate_seconds += seconds
    return proxy, found


async def run_until_first(*tasks: asyncio.Task[None]) -> None:
    """Wait for the first of some tasks to end, end the others, and pass on what it raised."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
