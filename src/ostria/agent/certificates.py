"""Gets the workload's certificate and renews it at half of its life, with a new key each time.

A renewal that fails is tried again with back-off while the old certificate serves on; who needs certificates waits on `changed`.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import grpc
import grpc.aio

from ostria.agent.control_plane import ControlPlane
from ostria.agent.keys import Identity, IssueError, generate, identity, seconds_until_renewal, signing_request, utc_now
from ostria.agent.settings import KeyType
from ostria.agent.tokens import TokenError
from ostria.identity.messages import METHOD, CertificateRequest, decode_response, encode_request

log = logging.getLogger(__name__)

_FIRST_RETRY: Final = 0.2
_LONGEST_RETRY: Final = 30.0
_CALL_TIMEOUT: Final = 10.0

Issue = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""A signing request and a validity in seconds become a chain."""


@dataclass(slots=True, kw_only=True)
class Certificates:
    issue: Issue
    spiffe_id: str
    key_type: KeyType = KeyType.ECDSA
    validity: int = 86_400
    jitter: Callable[[], float] = lambda: random.uniform(-1.0, 1.0)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    current: Identity | None = None
    version: int = 0
    failures: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Never returns: there is always a next renewal or a next try."""
        while True:
            found = await self._once()
            if found is None:
                await self.sleep(self._pause())
                continue
            await self._publish(found)
            await self.sleep(seconds_until_renewal(found.expires, utc_now(), self.jitter()))

    async def changed(self, after: int) -> tuple[Identity, int]:
        """The identity as soon as its version is above `after` (0: any)."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.current is not None and self.version > after)
            assert self.current is not None  # what wait_for has just waited for
            return self.current, self.version

    async def _once(self) -> Identity | None:
        key = generate(self.key_type)
        try:
            chain = await self.issue(signing_request(key, self.spiffe_id), self.validity)
            return identity(key, chain, utc_now())
        except (grpc.aio.AioRpcError, IssueError, TokenError, OSError, ValueError) as error:
            self.failures += 1
            log.warning("no certificate (try %d): %s", self.failures, reason(error))
            return None

    async def _publish(self, found: Identity) -> None:
        self.failures = 0
        async with self._changed:
            self.current = found
            self.version += 1
            self._changed.notify_all()
        log.info("certificate %d for %s, until %s", self.version, self.spiffe_id, found.expires.isoformat())

    def _pause(self) -> float:
        return min(_LONGEST_RETRY, _FIRST_RETRY * 2.0 ** min(self.failures - 1, 20)) * (1.0 + 0.1 * self.jitter())


def issuer(control_plane: ControlPlane) -> Issue:
    """Ask the control plane's `CreateCertificate`."""

    async def issue(csr: str, validity: int) -> tuple[str, ...]:
        control_plane.metrics.count("num_outgoing_requests")
        channel = await control_plane.channel()
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        request = encode_request(CertificateRequest(csr=csr, validity=validity))
        try:
            answer = await call(request, metadata=await control_plane.metadata(), timeout=_CALL_TIMEOUT, wait_for_ready=True)
        except grpc.aio.AioRpcError:
            control_plane.metrics.count("num_failed_outgoing_requests")
            raise
        return decode_response(answer)

    return issue


def reason(error: Exception) -> str:
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.aio.AioRpcError) else str(error)
