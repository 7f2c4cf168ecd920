"""Relays xDS between Envoy (or a gRPC client) on the Unix socket and the control plane: bytes pass unread, in both directions, under flow control.

When the control plane goes away, the stream to Envoy ends too; Envoy keeps what it has and comes back with the versions that it holds. While there is no
control plane a new stream waits here. Where DNS is captured, the agent's own subscription to the name table rides on Envoy's stream, as in Istio: one
stream, one proxy.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio

from ostria.agent.control_plane import ControlPlane
from ostria.agent.tokens import TokenError
from ostria.agent.wire import WireError, response_header, text_field
from ostria.translate.names import NDS

log = logging.getLogger(__name__)

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
DELTA: Final = "DeltaAggregatedResources"
STATE_OF_THE_WORLD: Final = "StreamAggregatedResources"

OnNames = Callable[[bytes], None]
"""Takes a DeltaDiscoveryResponse that holds the name table."""

Upstream = grpc.aio.StreamStreamCall[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    control_plane: ControlPlane
    on_names: OnNames | None = None
    """Set where DNS is captured."""

    def handlers(self) -> grpc.GenericRpcHandler:
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            DELTA: grpc.stream_stream_rpc_method_handler(self._method(DELTA, self.on_names)),
            STATE_OF_THE_WORLD: grpc.stream_stream_rpc_method_handler(self._method(STATE_OF_THE_WORLD, None)),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _method(self, name: str, on_names: OnNames | None) -> Callable[[AsyncIterator[bytes], Any], Awaitable[None]]:
        async def stream(requests: AsyncIterator[bytes], downstream: Any) -> None:
            try:
                channel = await self.control_plane.channel()
                metadata = await self.control_plane.metadata()
            except (OSError, TokenError) as error:
                await downstream.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            open_stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(f"/{SERVICE}/{name}")
            upstream = open_stream(metadata=metadata, wait_for_ready=True)
            await _Stream(upstream, downstream, self.control_plane, on_names).run(requests)

        return stream


class _Stream:
    """One stream in its two halves. Whichever ends first ends the other."""

    def __init__(self, upstream: Upstream, downstream: Any, control_plane: ControlPlane, on_names: OnNames | None) -> None:
        self._upstream = upstream
        self._downstream = downstream
        self._metrics = control_plane.metrics
        self._on_names = on_names
        # Requests of Envoy and the agent's own share the stream, and gRPC takes one write at a time.
        self._writing = asyncio.Lock()

    async def run(self, requests: AsyncIterator[bytes]) -> None:
        up = asyncio.create_task(self._up(requests))
        down = asyncio.create_task(self._down())
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not up.result():
                await down
        except asyncio.CancelledError:
            self._metrics.count("envoy_connection_terminations")
            raise
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self._upstream.cancel()
        if down.cancelled():
            self._metrics.count("envoy_connection_terminations")
            return
        self._metrics.count("istiod_connection_terminations")
        await self._downstream.abort(grpc.StatusCode.UNAVAILABLE, "the control plane ended the stream")

    async def _up(self, requests: AsyncIterator[bytes]) -> bool:
        """True when Envoy has no more to say; false when the control plane no longer listens, and `_down` will hear why."""
        first = True
        async for request in requests:
            if not await self._send(request):
                return False
            self._metrics.count("xds_proxy_requests")
            if first and self._on_names:
                await self._send(text_field(2, NDS))
            first = False
        return True

    async def _down(self) -> None:
        try:
            async for response in self._upstream:
                if self._on_names is None or not await self._take_names(response, self._on_names):
                    await self._downstream.write(response)
                    self._metrics.count("xds_proxy_responses")
        except grpc.aio.AioRpcError as error:
            log.info("the control plane ended the stream: %s: %s", error.code().name, error.details())

    async def _take_names(self, response: bytes, on_names: OnNames) -> bool:
        """Acknowledge a name table and keep it from Envoy, who does not know the type."""
        try:
            header = response_header(response)
        except WireError:
            return False
        if header.type_url != NDS:
            return False
        error = b""
        try:
            on_names(response)
        except ValueError as refused:
            log.warning("the name table was refused: %s", refused)
            error = _error_detail(str(refused))
        await self._send(text_field(2, NDS) + text_field(6, header.nonce) + error)
        return True

    async def _send(self, request: bytes) -> bool:
        async with self._writing:
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._upstream.write(request)
                return True
        return False


def _error_detail(message: str) -> bytes:
    """A google.rpc.Status in field 7 of a request: INVALID_ARGUMENT and the reason."""
    status = b"\x08\x03" + text_field(2, message)
    return b"\x3a" + bytes([len(status)]) + status if len(status) < 128 else b"\x3a\x02\x08\x03"
