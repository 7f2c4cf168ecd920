"""One proxy's stream at work: requests into the protocol, responses out of it, one task for each direction.

The two directions meet in the stream's state machine only. A proxy that reads slowly holds up its own writer, and what changes meanwhile merges.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import grpc

from ostria.discovery.metrics import Metrics, short
from ostria.discovery.protocol.delta import DeltaStream
from ostria.discovery.protocol.order import Turn
from ostria.discovery.protocol.rejections import Rejection, Rejections
from ostria.discovery.protocol.requests import DeltaRequest, Response, SotwRequest
from ostria.discovery.protocol.sotw import SotwStream
from ostria.discovery.pushes import Pushes, Share
from ostria.discovery.server.gate import SendGate, Write
from ostria.discovery.server.limits import Limits
from ostria.discovery.server.questions import Answer, Question, ask_all
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
    opening: bool = False
    """A new type is on its way from the newest world, and all the others with it."""
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
        self.metrics.requests[request.type_url].inc()
        known = self.stream.subscription(request.type_url)
        if known is not None and request.nonce and request.nonce != known.sent_nonce:
            self.metrics.expired_nonces.labels(short(request.type_url)).inc()
        rejected = self._take(request, known.current if known is not None else await self._open(request.type_url))
        self.share.answered(request.type_url, request.nonce, time.monotonic(), refused=request.error is not None)
        if _only_acknowledges(request):
            if self.stream.may_respond():
                self.wake.set()
            return
        self._count(request, rejected)
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
        world = self.newest()
        types, push = ((type_url,), None) if world is self.world else ((*self.stream.types, type_url), self.pushes.of(world.version))
        question = Question(self.claims, types, self.proxy, self.world)
        self.opening = True
        try:
            (answer,) = await self.thread.run(ask_all, world, (question,), self.metrics, push, 0.0)
        finally:
            self.opening = False
        if isinstance(answer, Exception):
            raise answer
        content = self._permitted(answer.content)
        self._arrive(world, answer.proxy, content)
        return content[type_url]

    def _permitted(self, content: Mapping[str, ResourceSet]) -> Mapping[str, ResourceSet]:
        return {**content, SDS: self.secrets(content[SDS])} if SDS in content else content

    def _arrive(self, world: World, proxy: Proxy, content: Mapping[str, ResourceSet]) -> bool:
        """Whether something in it is new to the proxy."""
        if world is not self.world:
            self.share.enter(self.pushes.of(world.version), self.stream.answered)
        self.world, self.proxy = world, proxy
        return self.stream.update(content)

    def _tell(self, rejection: Rejection) -> None:
        made_by = ", ".join(map(str, rejection.origins)) or "no object"
        log.warning("%s refused %s %r, made by %s: %s", self.id, short(rejection.type_url), rejection.name, made_by, rejection.words)

    def _count(self, request: DeltaRequest | SotwRequest, rejected: Iterable[Rejection]) -> None:
        for each in rejected:
            self._tell(each)
        if request.error is not None:
            self.metrics.rejects.labels(short(request.type_url)).inc()
        if isinstance(request, DeltaRequest) and request.subscribe and self.stream.on_demand(request.type_url) is not None:
            self.metrics.asked_on_demand.labels(short(request.type_url)).inc(len(request.subscribe))

    def _check_size(self, type_url: str) -> None:
        if self.stream.asked(type_url) > self.limits.names:
            raise too_much(f"a stream may ask for at most {self.limits.names} names of a type")

    # Worlds

    @property
    def question(self) -> Question:
        """What to ask a new world for."""
        return Question(self.claims, self.stream.types, self.proxy, self.world)

    def stands(self, question: Question) -> bool:
        """It would ask just this now: it has opened no type meanwhile, and is not about to."""
        return self.world is question.held and self.stream.types is question.types and not self.opening

    def pass_over(self, world: World, older: World) -> bool:
        """Take `world` for `older`, which is the same for this proxy; False where it has moved meanwhile, or is about to."""
        if self.world is not older or self.opening:
            return False
        self.world = world
        if self.pushing is not None:
            self.pushing = Pending(world, self.pushing.began, self.pushing.queued)
        return True

    def enter(self, pending: Pending, answer: Answer) -> None:
        """The proxy's part of a new world, where the question stands; responses follow from the writer, unless all is as before."""
        if self._arrive(pending.world, answer.proxy, self._permitted(answer.content)) or self.pushing is not None:
            self.pushing = pending if self.pushing is None else Pending(pending.world, self.pushing.began, pending.queued)
            self.wake.set()

    # Responses

    async def write(self, send: Write) -> None:
        """Send whatever is due, for ever. Raise Refused when the proxy doesn't read."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            begin = time.perf_counter()
            while (response := self.stream.respond(self.world.version)) is not None:
                sent = await self._send(response, send)
                self.metrics.push_time[response.type_url].observe(sent - begin)
                begin = sent
            self._settled()

    async def _send(self, response: Response, send: Write) -> float:
        """Gives when that was, in seconds of the performance counter."""
        begin, kind = time.perf_counter(), response.type_url
        self.share.sent(response)
        try:
            self.slow = await self.gate.send(send, response, slow=self.slow)
        except TimeoutError:
            self.metrics.write_timeouts.inc()
            self.metrics.pushes.labels(f"{short(kind)}_senderr").inc()
            raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "the proxy does not read", "slow") from None
        sent = time.perf_counter()
        self.metrics.send_time.observe(sent - begin)
        self.metrics.responses[kind].inc()
        self.metrics.config_size[kind].observe(response.size)
        return sent

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


def _only_acknowledges(request: DeltaRequest | SotwRequest) -> bool:
    """Most requests do, and most of them change nothing that is due."""
    return (
        isinstance(request, DeltaRequest)
        and bool(request.nonce)
        and request.error is None
        and not (request.subscribe or request.unsubscribe)
    )


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
