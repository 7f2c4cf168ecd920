"""What a change costs without a control plane: a bare gRPC server sends prepared bytes to proxies that answer each message, and does nothing else.

usage: python -m benchmarks.floor serve PORT | play PORT PROXIES
"""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import grpc
import grpc.aio

from benchmarks import processes
from benchmarks.mesh import ROOT, free_port

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
ANSWER = b"x" * 70
"""As long as an acknowledgement."""
QUIET = 0.5
"""Seconds without an answer: all have come."""
PATIENCE = 60


class Floor:
    """Both programs at work, all proxies connected."""

    def __init__(self, proxies: int) -> None:
        port = free_port()
        self._server = _program("serve", port)
        self._client = _program("play", port, proxies)

    def change(self, proxies: int, size: int, settle: float) -> float:
        """CPU seconds of the server while so many proxies are sent one message each and answer it, and for `settle` seconds after."""
        assert self._server.stdin is not None
        before = processes.cpu_seconds(self._server.pid)
        self._server.stdin.write(f"{proxies} {size}\n")
        self._server.stdin.flush()
        _line(self._client)
        time.sleep(settle - QUIET)
        return processes.cpu_seconds(self._server.pid) - before

    def wait(self) -> None:
        """Until all proxies are connected."""
        for _ in range(2):
            _line(self._client)

    def stop(self) -> None:
        for program in (self._client, self._server):
            program.kill()
            program.wait()
            for pipe in (program.stdin, program.stdout):
                if pipe is not None:
                    pipe.close()


@contextlib.contextmanager
def floor(proxies: int) -> Iterator[Floor]:
    found = Floor(proxies)
    try:
        found.wait()
        yield found
    finally:
        found.stop()


def _program(*words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.floor", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(program: "subprocess.Popen[str]") -> str:
    assert program.stdout is not None
    found = program.stdout.readline()
    if not found:
        raise RuntimeError("the floor's programs have ended")
    return found


async def _serve(port: int) -> None:
    streams: list[Any] = []

    async def handle(incoming: AsyncIterator[bytes], context: Any) -> None:
        streams.append(context)
        async for _ in incoming:
            pass

    service, method = METHOD.strip("/").split("/")
    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {method: grpc.stream_stream_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    while line := await asyncio.to_thread(sys.stdin.readline):
        proxies, size = map(int, line.split())
        data = b"x" * size
        await asyncio.gather(*(context.write(data) for context in streams[:proxies]))


async def _play(port: int, proxies: int) -> None:
    """A line when all are connected, and one whenever what was sent to some of them has been answered and nothing more comes."""
    answered = asyncio.Queue[None]()
    options: Sequence[tuple[str, Any]] = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))

    async def one(connected: asyncio.Semaphore) -> None:
        async with connected:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options)
            await asyncio.wait_for(channel.channel_ready(), PATIENCE)
            stream = channel.stream_stream(METHOD)()
            await stream.write(ANSWER)
        answered.put_nowait(None)
        while await stream.read() is not grpc.aio.EOF:
            await stream.write(ANSWER)
            answered.put_nowait(None)

    connected = asyncio.Semaphore(50)
    playing = [asyncio.create_task(one(connected)) for _ in range(proxies)]
    for _ in playing:
        await answered.get()
    print("connected", flush=True)
    await asyncio.sleep(1)
    print("at rest", flush=True)
    while True:
        await answered.get()
        while not await _quiet(answered):
            pass
        print("answered", flush=True)


async def _quiet(answered: asyncio.Queue[None]) -> bool:
    try:
        await asyncio.wait_for(answered.get(), QUIET)
    except TimeoutError:
        return True
    return False


if __name__ == "__main__":
    match sys.argv[1:]:
        case "serve", port:
            asyncio.run(_serve(int(port)))
        case "play", port, proxies:
            asyncio.run(_play(int(port), int(proxies)))
        case _:
            sys.exit(__doc__)
