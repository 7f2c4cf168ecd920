"""New worlds to all proxies: a queue that merges, so that a proxy is told of the newest world once, however many came before.

What proxies get is worked out some proxies at a time, in the order in which they wait; sending is the business of each connection's own writer. One
whose content is as before costs a glance and hears nothing.
"""

import asyncio
import logging
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable
from itertools import islice

from ostria.discovery.metrics import Metrics
from ostria.discovery.protocol.rejections import Rejections
from ostria.discovery.protocol.sharing import Shared
from ostria.discovery.pushes import Pushes
from ostria.discovery.server.connection import Connection, Pending
from ostria.discovery.server.questions import Answer, ask_all
from ostria.discovery.server.refusal import too_much
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.world import World

log = logging.getLogger(__name__)

_REMEMBERED_PROXIES = 10_000
_AT_A_GLANCE = 4096
_AT_A_TIME = 256
_VISIT_SECONDS = 0.004
"""Requests of other proxies wait for a visit to the world's thread to end."""


class Pusher:
    """Knows the newest world and everybody who is connected."""

    def __init__(self, world: World, thread: WorldThread, metrics: Metrics, pushes: Pushes, streams_per_proxy: int) -> None:
        self.world, self.metrics, self.pushes = world, metrics, pushes
        self._thread = thread
        self.shared = Shared()
        self.connections: dict[str, Connection] = {}
        self._streams_per_proxy = streams_per_proxy
        self._streams: Counter[str] = Counter()
        """By proxy, of those that have any."""
        self._queue: OrderedDict[str, Pending] = OrderedDict()
        self._filled = asyncio.Event()
        self._looked_at = world
        self._at_a_time = _AT_A_TIME
        """Twice as many as were answered in the last visit."""
        metrics.queue_length.set_function(lambda: len(self._queue))
        self._rejections: OrderedDict[str, Rejections] = OrderedDict()

    # Who is there

    def rejections_of(self, proxy_id: str) -> Rejections:
        """What a proxy refused, on this stream or an earlier one."""
        found = self._rejections.pop(proxy_id, None) or Rejections()
        self._rejections[proxy_id] = found
        if len(self._rejections) > _REMEMBERED_PROXIES:
            self._rejections.popitem(last=False)
        return found

    def join(self, connection: Connection) -> None:
        """Raise Refused when the proxy has too many streams already."""
        if self._streams[connection.claims.id] >= self._streams_per_proxy:
            raise too_much(f"a proxy may hold at most {self._streams_per_proxy} streams")
        self._streams[connection.claims.id] += 1
        self.connections[connection.id] = connection
        self.metrics.connected.labels(_label(connection.claims.version)).inc()
        if connection.world is not self.world:
            self._enqueue((connection.id,), time.monotonic())

    def leave(self, connection: Connection) -> None:
        if self.connections.pop(connection.id, None) is not None:
            self._queue.pop(connection.id, None)
            self._streams[connection.claims.id] -= 1
            if not self._streams[connection.claims.id]:
                del self._streams[connection.claims.id]
                self._thread.tell(self.world.forget, connection.claims.id)
            self.metrics.connected.labels(_label(connection.claims.version)).dec()

    # What they hear

    def push(self, world: World, began: float) -> None:
        """Tell everybody of `world`; `began` is when its first change came (monotonic seconds)."""
        self.world = world
        self.shared.advance()
        self._enqueue(self.connections, began)

    def _enqueue(self, connections: Iterable[str], began: float) -> None:
        news = Pending(self.world, began, time.monotonic())
        for connection_id in connections:
            waiting = self._queue.get(connection_id)
            self._queue[connection_id] = news if waiting is None else Pending(self.world, min(began, waiting.began), waiting.queued)
        self._filled.set()

    async def run(self) -> None:
        """Serve the queue, for ever."""
        while True:
            while self._queue:
                if self._looked_at is not self.world:
                    await self._pass_over()
                if self._queue:
                    await self._tell_first()
            self._filled.clear()
            await self._filled.wait()

    async def _pass_over(self) -> None:
        """Let those go at a glance to whom the newest world brings nothing, so that the others need not wait for them."""
        world = self.world
        waiting = [self.connections[connection_id] for connection_id in islice(self._queue, _AT_A_GLANCE)]
        held = [(connection.world, connection.proxy) for connection in waiting]
        same = await self._thread.run(world.same, held)
        for connection, (older, _), alike in zip(waiting, held, same, strict=True):
            if alike and self.world is world and connection.pass_over(world, older):
                self._queue.pop(connection.id, None)
        self._looked_at = world

    async def _tell_first(self) -> None:
        """Those who wait longest, as many as the world's thread can answer in one short visit."""
        first = [self.connections[connection_id] for connection_id in islice(self._queue, self._at_a_time)]
        world, push = self.world, self.pushes.of(self.world.version)
        questions = [connection.question for connection in first]
        answers = await self._thread.run(ask_all, world, questions, self.metrics, push, _VISIT_SECONDS)
        self._at_a_time = min(2 * len(answers), _AT_A_TIME)
        for connection, question, answer in zip(first, questions, answers, strict=False):
            if (waiting := self._queue.get(connection.id)) is None:
                continue
            stands = connection.stands(question)
            if stands and self.world is world:
                del self._queue[connection.id]
            else:  # Behind those that have waited for the newest world as long, and were not told of this one.
                self._queue.move_to_end(connection.id)
            if stands:
                self._tell(connection, world, answer, waiting)

    def _tell(self, connection: Connection, world: World, answer: Answer | Exception, waiting: Pending) -> None:
        self.metrics.queue_time.observe(time.monotonic() - waiting.queued)
        match answer:
            case LookupError():
                # It stays on its last good world: its traffic goes on, and nothing new is shown to a proxy that is not who it was.
                log.warning("%s has no place in version %s: %s", connection.id, world.version, answer)
            case Exception():
                self.metrics.internal_errors.inc()
                log.error("%s could not be told of version %s", connection.id, world.version, exc_info=answer)
            case Answer():
                connection.enter(Pending(world, waiting.began, waiting.queued), answer)


def _label(version: str) -> str:
    """A proxy's version as a metric's label: what a proxy says must not fill the metrics."""
    return version if re.fullmatch(r"[0-9A-Za-z.+_-]{1,40}", version) else "unknown"
