"""Port 15014: metrics for Prometheus, version, readiness. Open to all, as in Istio; it tells numbers, no configuration."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ostria.discovery.debug.http import Reply, Request, text
from ostria.discovery.metrics import Metrics, short
from ostria.discovery.server.connection import Connection
from ostria.identity.authority import Authority

_AT_A_TIME = 100
"""Connections that are looked at in one turn of the event loop: a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    metrics: Metrics
    version: str
    ready: Callable[[], bool]
    connections: Callable[[], Iterable[Connection]]
    authority: Callable[[], Authority] | None
    began: float

    async def __call__(self, request: Request) -> Reply:
        match request.path:
            case "/metrics":
                await self._refresh()
                return Reply(body=generate_latest(self.metrics.registry), content_type=CONTENT_TYPE_LATEST)
            case "/version":
                return text(self.version + "\n")
            case "/ready":
                return text("", HTTPStatus.OK if self.ready() else HTTPStatus.SERVICE_UNAVAILABLE)
            case _:
                return text("not found\n", HTTPStatus.NOT_FOUND)

    async def _refresh(self) -> None:
        """What is counted when it is asked for."""
        self.metrics.uptime.set(time.monotonic() - self.began)
        await self._refresh_progress()
        if self.authority is not None:
            authority = self.authority()
            root, chain = authority.roots[0].not_valid_after_utc.timestamp(), authority.certificate.not_valid_after_utc.timestamp()
            self.metrics.root_expiry.set(root)
            self.metrics.root_expiry_seconds.set(root - time.time())
            self.metrics.chain_expiry.set(chain)

    async def _refresh_progress(self) -> None:
        """How far the proxies are that came or were told of something, and what they refuse; some at a time, for streams are served meanwhile."""
        connections = tuple(self.connections())
        settled, refused = 0, Counter[str]()
        for start in range(0, len(connections), _AT_A_TIME):
            for connection in connections[start : start + _AT_A_TIME]:
                settled += connection.stream.settled
                refused.update(short(each.type_url) for each in connection.stream if each.refusal)
            await asyncio.sleep(0)
        for kind, gauge in self.metrics.rejected.items():
            gauge.set(refused[kind])
        self.metrics.settled.set(settled)
        gates = {connection.gate for connection in connections}
        self.metrics.bytes_in_flight.set(sum(gate.bytes_in_flight for gate in gates))
        self.metrics.responses_waiting.set(sum(gate.waiting for gate in gates))
