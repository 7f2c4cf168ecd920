"""The aggregated discovery service over gRPC: who calls is asked first, then the node, then the stream runs until one side ends it."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio

from ostria.discovery.protocol.delta import DeltaStream
from ostria.discovery.protocol.requests import DeltaRequest, SotwRequest
from ostria.discovery.protocol.sotw import SotwStream
from ostria.discovery.server import requests as decoding
from ostria.discovery.server.call import Call
from ostria.discovery.server.calls import Authenticate
from ostria.discovery.server.connection import Connection, run_until_first
from ostria.discovery.server.gate import SendGate
from ostria.discovery.server.limits import Limits, Pace
from ostria.discovery.server.nodes import proxy_of
from ostria.discovery.server.push import Pusher
from ostria.discovery.server.refusal import Refused, malformed, not_yours
from ostria.discovery.server.thread import WorldThread
from ostria.identity.caller import Caller
from ostria.snapshot.view import Proxy

log = logging.getLogger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_LARGE_REQUEST = 128 << 10

Request = DeltaRequest | SotwRequest
Decode = Callable[[bytes, Limits], tuple[Request, decoding.Node | None]]
Debug = Callable[[SotwRequest, Caller | None], "bytes | None"]
"""Answers requests of `istioctl` for debug types; None for all other requests."""


class AggregatedDiscovery:
    """The service on one port; `authenticate` differs between ports."""

    def __init__(
        self, pusher: Pusher, thread: WorldThread, gate: SendGate, limits: Limits, authenticate: Authenticate, debug: Debug
    ) -> None:
        self._pusher, self._thread, self._gate, self._limits = pusher, thread, gate, limits
        self._authenticate, self._debug = authenticate, debug

    def handlers(self) -> grpc.GenericRpcHandler:
        """Raw bytes both ways: responses are glued, not serialized."""
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(self.delta),
            "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(self.sotw),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def delta(self, incoming: AsyncIterator[bytes], context: Any) -> None:
        await self._guarded(incoming, context, decoding.delta, DeltaStream)

    async def sotw(self, incoming: AsyncIterator[bytes], context: Any) -> None:
        await self._guarded(incoming, context, decoding.sotw, SotwStream)

    async def _guarded(self, incoming: AsyncIterator[bytes], context: Any, decode: Decode, variant: type[DeltaStream | SotwStream]) -> None:
        metrics, call = self._pusher.metrics, Call(context)
        try:
            await self._serve(incoming, context, call, decode, variant)
            call.leave()
        except Refused as refused:
            metrics.refused_streams.labels(refused.reason).inc()
            log.warning("the stream of %s ends: %s", context.peer(), refused.text)
            await call.end(refused.status, refused.text)
        except (asyncio.CancelledError, grpc.aio.AbortError, grpc.aio.UsageError):
            raise
        except Exception:
            metrics.internal_errors.inc()
            log.exception("the stream of %s ends by an error of ours", context.peer())
            await call.end(grpc.StatusCode.INTERNAL, "internal error")

    async def _serve(
        self, incoming: AsyncIterator[bytes], context: Any, call: Call, decode: Decode, variant: type[DeltaStream | SotwStream]
    ) -> None:
        caller = self._authenticate(context)
        first, node = await self._first(incoming, context, decode, caller)
        if first is None:
            return
        if node is None:
            raise malformed("the first request of a stream must carry a node")
        claims = proxy_of(node, caller)
        if variant is not DeltaStream:
            # Virtual hosts can be delivered one by one, and discovered, over delta streams only.
            claims = replace(claims, vhds=False, on_demand=False)
        connection = await self._connect(claims, caller, context.peer(), variant)
        log.info("%s connects from %s", connection.id, context.peer())
        self._pusher.join(connection)
        try:
            writer = asyncio.create_task(connection.write(call.write))
            reader = asyncio.create_task(self._read(connection, first, incoming, decode))
            await run_until_first(reader, writer)
        finally:
            connection.close()
            self._pusher.leave(connection)
            log.info("%s is gone", connection.id)

    async def _first(
        self, incoming: AsyncIterator[bytes], context: Any, decode: Decode, caller: Caller | None
    ) -> tuple[Request | None, decoding.Node | None]:
        """The request that begins the stream of a proxy. Tools ask their questions before it, or never send it."""
        async for raw in incoming:
            request, node = await self._decode(raw, decode)
            if isinstance(request, SotwRequest) and (answer := self._debug(request, caller)) is not None:
                await context.write(answer)
                continue
            return request, node
        return None, None

    async def _read(self, connection: Connection, first: Request, incoming: AsyncIterator[bytes], decode: Decode) -> None:
        pace = Pace(self._limits.requests_per_second, self._limits.request_burst, time.monotonic())
        await connection.receive(first)
        async for raw in incoming:
            if delay := pace.delay(time.monotonic()):
                await asyncio.sleep(delay)
            request, _ = await self._decode(raw, decode)
            await connection.receive(request)

    async def _decode(self, raw: bytes, decode: Decode) -> tuple[Request, decoding.Node | None]:
        if len(raw) < _LARGE_REQUEST:
            return decode(raw, self._limits)
        return await self._thread.run(decode, raw, self._limits)

    async def _connect(self, claims: Proxy, caller: Caller | None, peer: str, variant: type[DeltaStream | SotwStream]) -> Connection:
        world = self._pusher.world
        try:
            proxy = await self._thread.run(world.complete, claims)
        except LookupError as problem:
            log.warning("%s at %s: %s", claims.id, peer, problem)
            raise not_yours("the registry knows no such workload for these credentials") from problem
        rejections = self._pusher.rejections_of(claims.id)
        return Connection(
            id=f"{claims.id}-{secrets.token_hex(4)}",
            claims=claims,
            caller=caller,
            peer=peer,
            stream=variant(self._pusher.shared, rejections, secrets.token_hex(4)),
            rejections=rejections,
            thread=self._thread,
            gate=self._gate,
            limits=self._limits,
            metrics=self._pusher.metrics,
            pushes=self._pusher.pushes,
            newest=lambda: self._pusher.world,
            world=world,
            proxy=proxy,
        )
