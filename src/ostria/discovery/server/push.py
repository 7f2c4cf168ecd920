"""New worlds to all proxies: a queue that merges, so that a proxy is told of the newest world once, however many came before.

Working out what a proxy gets is done here, one proxy after the other; sending is the business of each connection's own writer.
"""

import asyncio
import logging
import re
import time
from collections import OrderedDict

from ostria.discovery.metrics import Metrics
from ostria.discovery.protocol.rejections import Rejections
from ostria.discovery.protocol.sharing import Shared
from ostria.discovery.pushes import Pushes
from ostria.discovery.server.connection import Connection, Pending
from ostria.discovery.server.refusal import too_much
from ostria.discovery.world import World

log = logging.getLogger(__name__)

_REMEMBERED_PROXIES = 10_000


class Pusher:
    """Knows the newest world and everybody who is connected."""

    def __init__(self, world: World, metrics: Metrics, pushes: Pushes, streams_per_proxy: int) -> None:
        self.world, self.metrics, self.pushes = world, metrics, pushes
        self.shared = Shared()
        self.connections: dict[str, Connection] = {}
        self._streams_per_proxy = streams_per_proxy
        self._queue: OrderedDict[str, Pending] = OrderedDict()
        self._filled = asyncio.Event()
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
        mine = sum(each.claims.id == connection.claims.id for each in self.connections.values()) if len(self.connections) < 10_000 else 0
        if mine >= self._streams_per_proxy:
            raise too_much(f"a proxy may hold at most {self._streams_per_proxy} streams")
        self.connections[connection.id] = connection
        self.metrics.connected.labels(_label(connection.claims.version)).inc()
        if connection.world is not self.world:
            self._enqueue(connection, time.monotonic())

    def leave(self, connection: Connection) -> None:
        if self.connections.pop(connection.id, None) is not None:
            self._queue.pop(connection.id, None)
            self.metrics.connected.labels(_label(connection.claims.version)).dec()

    # What they hear

    def push(self, world: World, began: float) -> None:
        """Tell everybody of `world`; `began` is when its first change came (monotonic seconds)."""
        self.world = world
        self.shared.advance()
        for connection in self.connections.values():
            self._enqueue(connection, began)

    def _enqueue(self, connection: Connection, began: float) -> None:
        waiting = self._queue.get(connection.id)
        first = min(began, waiting.began) if waiting else began
        self._queue[connection.id] = Pending(self.world, first, waiting.queued if waiting else time.monotonic())
        self._filled.set()

    async def run(self) -> None:
        """Serve the queue, for ever."""
        while True:
            while self._queue:
                connection_id, pending = self._queue.popitem(last=False)
                connection = self.connections.get(connection_id)
                if connection is not None:
                    await self._tell(connection, pending)
            self._filled.clear()
            await self._filled.wait()

    async def _tell(self, connection: Connection, pending: Pending) -> None:
        self.metrics.queue_time.observe(time.monotonic() - pending.queued)
        connection.pushing = pending if connection.pushing is None else Pending(pending.world, connection.pushing.began, pending.queued)
        try:
            await connection.enter(pending.world)
        except LookupError as problem:
            # It stays on its last good world: its traffic goes on, and nothing new is shown to a proxy that is not who it was.
            log.warning("%s has no place in version %s: %s", connection.id, pending.world.version, problem)
        except Exception:
            self.metrics.internal_errors.inc()
            log.exception("%s could not be told of version %s", connection.id, pending.world.version)


def _label(version: str) -> str:
    """A proxy's version as a metric's label: what a proxy says must not fill the metrics."""
    return version if re.fullmatch(r"[0-9A-Za-z.+_-]{1,40}", version) else "unknown"
