"""The relay between a client on the Unix socket and a control plane: bytes, the agent's own subscription, and both ends going away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from ostria.agent.control_plane import ControlPlane
from ostria.agent.metrics import Metrics
from ostria.agent.relay import DELTA, SERVICE, STATE_OF_THE_WORLD, Relay
from ostria.agent.settings import Address
from ostria.translate.names import CDS, NDS


class Token:
    async def current(self) -> str:
        return "t0ken"


@dataclass
class Plane:
    """Echoes: each request of a type is answered with that type; `end` ends every stream."""

    requests: list[bytes] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)
    end: asyncio.Event = field(default_factory=asyncio.Event)
    ended: int = 0

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> None:
        self.authorization.append(dict(context.invocation_metadata())["authorization"])
        reading = asyncio.create_task(self._read(requests, context))
        ending = asyncio.create_task(self.end.wait())
        try:
            await asyncio.wait((reading, ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            ending.cancel()
            self.ended += 1

    async def _read(self, requests: AsyncIterator[bytes], context: Any) -> None:
        async for request in requests:
            self.requests.append(request)
            parsed = DeltaDiscoveryRequest.FromString(request)
            if not parsed.response_nonce:
                await context.write(DeltaDiscoveryResponse(type_url=parsed.type_url, nonce="7").SerializeToString())


@dataclass
class World:
    plane: Plane
    channel: grpc.aio.Channel
    metrics: Metrics
    names: list[bytes]

    def open(self, method: str = DELTA) -> Any:
        return self.channel.stream_stream(f"/{SERVICE}/{method}")()


@asynccontextmanager
async def _world(folder: Path, *, dns: bool, refuse: str = "") -> AsyncIterator[World]:
    plane, metrics, names = Plane(), Metrics(), list[bytes]()
    upstream = grpc.aio.server()
    methods = {name: grpc.stream_stream_rpc_method_handler(plane.stream) for name in (DELTA, STATE_OF_THE_WORLD)}
    upstream.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = upstream.add_insecure_port("127.0.0.1:0")
    await upstream.start()
    control_plane = ControlPlane(
        address=Address(target=f"127.0.0.1:{port}", root_file=None), tokens=Token(), cluster="Kubernetes", metrics=metrics
    )

    def on_names(response: bytes) -> None:
        if refuse:
            raise ValueError(refuse)
        names.append(response)

    relay = Relay(control_plane=control_plane, on_names=on_names if dns else None)
    agent = grpc.aio.server()
    agent.add_generic_rpc_handlers((relay.handlers(),))
    agent.add_insecure_port(f"unix:{folder}/xds.sock")
    await agent.start()
    async with grpc.aio.insecure_channel(f"unix:{folder}/xds.sock") as channel:
        yield World(plane, channel, metrics, names)
    await agent.stop(0)
    await control_plane.close()
    await upstream.stop(0)


CLUSTERS = DeltaDiscoveryRequest(type_url=CDS).SerializeToString()


@pytest.mark.parametrize("method", [DELTA, STATE_OF_THE_WORLD])
async def test_bytes_pass_and_the_token_is_the_agents(tmp_path: Path, method: str) -> None:
    async with _world(tmp_path, dns=False) as world:
        call = world.open(method)
        await call.write(CLUSTERS)
        assert DeltaDiscoveryResponse.FromString(await call.read()).type_url == CDS
        assert world.plane.requests == [CLUSTERS]
        assert world.plane.authorization == ["Bearer t0ken"]
        call.cancel()


async def test_the_agents_own_subscription_rides_along_and_envoy_never_sees_it(tmp_path: Path) -> None:
    async with _world(tmp_path, dns=True) as world:
        call = world.open()
        await call.write(CLUSTERS)
        assert DeltaDiscoveryResponse.FromString(await call.read()).type_url == CDS
        async with asyncio.timeout(5):
            while len(world.plane.requests) < 3:
                await asyncio.sleep(0.01)
        said = [DeltaDiscoveryRequest.FromString(request) for request in world.plane.requests]
        assert [(request.type_url, request.response_nonce) for request in said] == [(CDS, ""), (NDS, ""), (NDS, "7")]
        assert len(world.names) == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(call.read())), 0.2)
        call.cancel()


async def test_a_refused_name_table_is_not_silent(tmp_path: Path) -> None:
    async with _world(tmp_path, dns=True, refuse="broken") as world:
        call = world.open()
        await call.write(CLUSTERS)
        async with asyncio.timeout(5):
            while len(world.plane.requests) < 3:
                await asyncio.sleep(0.01)
        assert DeltaDiscoveryRequest.FromString(world.plane.requests[-1]).error_detail.message == "broken"
        call.cancel()


async def test_a_grpc_client_has_no_name_table(tmp_path: Path) -> None:
    async with _world(tmp_path, dns=True) as world:
        call = world.open(STATE_OF_THE_WORLD)
        await call.write(CLUSTERS)
        await call.read()
        assert world.plane.requests == [CLUSTERS]
        call.cancel()


async def test_when_the_control_plane_ends_the_stream_envoy_hears_it(tmp_path: Path) -> None:
    async with _world(tmp_path, dns=False) as world:
        call = world.open()
        await call.write(CLUSTERS)
        await call.read()
        world.plane.end.set()
        assert await call.code() is grpc.StatusCode.UNAVAILABLE
        assert world.metrics.value("istiod_connection_terminations") == 1


async def test_when_envoy_goes_the_control_plane_hears_it(tmp_path: Path) -> None:
    async with _world(tmp_path, dns=False) as world:
        call = world.open()
        await call.write(CLUSTERS)
        await call.read()
        call.cancel()
        async with asyncio.timeout(5):
            while not world.plane.ended:
                await asyncio.sleep(0.01)
        assert world.metrics.value("envoy_connection_terminations") == 1
