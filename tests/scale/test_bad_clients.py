"""Clients that do their worst to a real control plane, while a good proxy beside them goes on hearing of every change."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from google.rpc.status_pb2 import Status
from tests.scale.control_plane import ControlPlane, control_plane
from tests.scale.proxy import METHOD, Proxy, References
from tests.scale.soak import node, until
from tests.scale.world import Town, host

from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS, outbound_cluster

_SERVICES = 100
_HEARS_WITHIN = 5.0
_GROWS_AT_MOST = 60
"""MB; what the good proxy's own world costs is there before the bad clients come."""

WATCHED = outbound_cluster(9080, "", host(0))


@dataclass
class Stage:
    plane: ControlPlane
    town: Town
    good: Proxy

    async def good_proxy_hears(self, times: int = 5) -> None:
        """Of one change after the other, each soon."""
        for count in range(times):
            before = self.good.held[EDS][WATCHED]
            self.town.set_endpoints(0, 3 + count % 2)
            await until(lambda before=before: self.good.held[EDS][WATCHED] != before, _HEARS_WITHIN)  # type: ignore[misc]

    def bad_node(self, number: int = 1) -> base_pb2.Node:
        return node(number, _SERVICES)


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Fails at its end if memory grew without measure, or if the control plane made a mistake."""
    (folder / "mesh").mkdir()
    town = Town(folder / "mesh", _SERVICES, 20, Random(1))
    town.build()
    async with control_plane(folder / "mesh", folder / "log") as plane:
        good = Proxy(plane.target, node(0, _SERVICES), References())
        good.connect(remember=False)
        try:
            await until(lambda: good.complete, 60)
            made = Stage(plane, town, good)
            await made.good_proxy_hears()
            before = plane.memory()
            yield made
            await made.good_proxy_hears()
            assert plane.memory() - before < _GROWS_AT_MOST
            assert plane.complaints() == []
            assert await asyncio.to_thread(plane.metric, "pilot_total_xds_internal_errors_total") == 0
            assert good.fault is None
        finally:
            await good.disconnect()


@asynccontextmanager
async def stream(plane: ControlPlane) -> AsyncIterator[Any]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(plane.target, options=options) as channel:
        yield channel.stream_stream(METHOD, request_serializer=DeltaDiscoveryRequest.SerializeToString)()


async def asks_for_everything(call: Any, on: Stage, number: int = 1) -> None:
    await call.write(DeltaDiscoveryRequest(node=on.bad_node(number), type_url=CDS))
    for kind in (LDS, EDS, RDS):
        names = () if kind == LDS else on.good.held[kind]
        await call.write(DeltaDiscoveryRequest(type_url=kind, resource_names_subscribe=names))


async def test_proxies_that_never_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as on, asyncio.TaskGroup() as tasks:

        async def never_reads(number: int) -> None:
            async with stream(on.plane) as call:
                await asks_for_everything(call, on, number)
                await asyncio.sleep(6)

        for number in range(1, 20):
            tasks.create_task(never_reads(number))
        await on.good_proxy_hears(20)


async def test_a_proxy_that_never_acknowledges_is_told_one_thing_of_each_type(tmp_path: Path) -> None:
    async with stage(tmp_path) as on, stream(on.plane) as call:
        await asks_for_everything(call, on)
        heard = [DeltaDiscoveryResponse.FromString(await call.read()).type_url for _ in range(3)]
        more = asyncio.create_task(call.read())
        await on.good_proxy_hears(20)
        done, _ = await asyncio.wait((more,), timeout=3)
        heard += [DeltaDiscoveryResponse.FromString(task.result()).type_url for task in done]
        more.cancel()
        assert len(heard) == len(set(heard)), "what changes meanwhile merges, and waits for the answer"


async def test_proxies_that_acknowledge_what_nobody_sent(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:

        async def babbles(number: int) -> None:
            async with stream(on.plane) as call:
                await asks_for_everything(call, on, number)
                words = Status(code=13, message="no " * 30_000)
                for count in range(1_000):
                    for kind in (CDS, EDS, "type.googleapis.com/nothing"):
                        garbage = DeltaDiscoveryRequest(type_url=kind, response_nonce=f"garbage-{count}", error_detail=words)
                        await call.write(garbage)

        babblers = [asyncio.create_task(babbles(number)) for number in range(1, 6)]
        await on.good_proxy_hears(20)
        for task in babblers:
            task.cancel()
        await asyncio.gather(*babblers, return_exceptions=True)


async def test_a_proxy_that_refuses_everything_with_megabytes_of_words(tmp_path: Path) -> None:
    async with stage(tmp_path) as on, stream(on.plane) as call:
        await asks_for_everything(call, on)

        async def refuses() -> None:
            while True:
                response = DeltaDiscoveryResponse.FromString(await call.read())
                words = Status(code=13, message=" ".join(each.name for each in response.resources) + " no" * 1_000_000)
                await call.write(DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce, error_detail=words))

        refusing = asyncio.create_task(refuses())
        await on.good_proxy_hears(10)
        refusing.cancel()
        await asyncio.gather(refusing, return_exceptions=True)
        assert await asyncio.to_thread(on.plane.metric, "pilot_total_xds_rejects_total") > 0


async def test_a_million_names_in_one_request_or_in_many(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        for portion in (1_000_000, 40_000):
            async with stream(on.plane) as call:
                requests = (
                    DeltaDiscoveryRequest(
                        node=on.bad_node(),
                        type_url=EDS,
                        resource_names_subscribe=[f"outbound|80||host-{n}.example.com" for n in range(first, first + portion)],
                    )
                    for first in range(0, min(1_000_000, 2 * portion), portion)
                )
                assert await refused(call, requests) == grpc.StatusCode.RESOURCE_EXHAUSTED
            await on.good_proxy_hears(2)


async def test_clients_that_each_ask_for_forty_thousand_names_of_their_own(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        for number in range(30):
            async with stream(on.plane) as call:
                names = [f"outbound|80||host-{number}-{n}.example.com" for n in range(40_000)]
                await call.write(DeltaDiscoveryRequest(node=on.bad_node(), type_url=EDS, resource_names_subscribe=names))
                await asyncio.wait_for(call.read(), 20)


async def test_a_proxy_that_discovers_ever_new_hosts(tmp_path: Path) -> None:
    """Each stands for a virtual host of its own at first; in the end it is given all that there is."""
    async with stage(tmp_path) as on, stream(on.plane) as call:
        itself = on.bad_node()
        itself.metadata.update({"VHDS": "true", "ON_DEMAND": "true"})
        await call.write(DeltaDiscoveryRequest(node=itself, type_url=CDS))
        await call.write(DeltaDiscoveryRequest(type_url=RDS, resource_names_subscribe=["9080"]))
        await call.write(DeltaDiscoveryRequest(type_url=VHDS))
        writing = asyncio.Lock()

        async def says(request: DeltaDiscoveryRequest) -> None:
            async with writing:
                await call.write(request)

        async def asks() -> None:
            for count in range(0, 12_000, 10):
                names = [f"9080/host-{count + n}.example.com" for n in range(10)]
                await says(DeltaDiscoveryRequest(type_url=VHDS, resource_names_subscribe=names))

        async def reads() -> None:
            while True:
                response = DeltaDiscoveryResponse.FromString(await call.read())
                await says(DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))

        reading, asking = asyncio.create_task(reads()), asyncio.create_task(asks())
        await on.good_proxy_hears(20)
        await asyncio.wait_for(asking, 60)
        await on.good_proxy_hears(5)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_node_of_ten_megabytes(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        for _ in range(10):
            async with stream(on.plane) as call:
                large = on.bad_node()
                large.metadata.update({"LABELS": {f"label-{n}": "x" * 1_000 for n in range(10_000)}})
                assert await refused(call, [DeltaDiscoveryRequest(node=large, type_url=CDS)]) == grpc.StatusCode.RESOURCE_EXHAUSTED


async def refused(call: Any, requests: Iterable[DeltaDiscoveryRequest]) -> grpc.StatusCode:
    """Say all that there is to say, then hear all; gives how the stream ended, which must come with a reason."""
    for request in requests:
        await call.write(request)
    with suppress(grpc.aio.AioRpcError):
        while await asyncio.wait_for(call.read(), 20) is not grpc.aio.EOF:
            pass
    assert await call.details()
    status = await call.code()
    assert isinstance(status, grpc.StatusCode)
    return status


@pytest.mark.parametrize("who", ["one proxy", "another each time"])
async def test_a_hundred_connections_a_second(tmp_path: Path, who: str) -> None:
    async with stage(tmp_path) as on:

        async def comes_and_goes(count: int) -> None:
            async with stream(on.plane) as call:
                itself = on.bad_node()
                if who != "one proxy":
                    itself.id = itself.id.replace("~svc", f"~visitor-{count}-svc")
                await call.write(DeltaDiscoveryRequest(node=itself, type_url=CDS))
                await call.read()

        tasks = asyncio.create_task(at_a_rate(100, 5, comes_and_goes))
        await on.good_proxy_hears(20)
        await tasks


async def at_a_rate(per_second: int, seconds: float, act: Callable[[int], Awaitable[None]]) -> None:
    """What fails is the bad client's own affair."""
    begin, tasks = time.monotonic(), list[asyncio.Task[None]]()
    for count in range(round(per_second * seconds)):
        await asyncio.sleep(max(0.0, begin + count / per_second - time.monotonic()))
        tasks.append(asyncio.ensure_future(act(count)))
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
