"""A load generator small enough to run inside a workload: HTTP/1.1 over N connections, flat out or at a rate, no retries.

usage: python -m benchmarks.load URL --seconds 10 [--connections 64] [--rate 200] [--close] [--header 'Name: value']
Prints one JSON object: requests, failed (by reason), seconds, latency percentiles in milliseconds, outages. A request fails when its status is not below 400
or its connection breaks before the whole answer came. An outage is a stretch of failures with no success between them: `[second of the first failure, seconds
from there to the next success]`. It stands on the standard library alone, in one file, so that its text can be handed to a Python in any network namespace.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from urllib.parse import urlsplit

TIMEOUT = 10.0


class Result:
    """What became of the requests of one run."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.ends: list[tuple[float, float, bool]] = []
        """When each request began and ended, and whether it succeeded."""
        self.began = time.perf_counter()

    def succeed(self, start: float) -> None:
        now = time.perf_counter()
        self.latencies.append(now - start)
        self.ends.append((start, now, True))

    def fail(self, start: float, reason: str) -> None:
        self.failed[reason] += 1
        self.ends.append((start, time.perf_counter(), False))

    def outages(self) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        first: float | None = None
        for start, end, good in sorted(self.ends, key=lambda each: each[1]):
            if not good and first is None:
                first = start
            elif good and first is not None and start >= first:
                found.append((round(first - self.began, 2), round(end - first, 2)))
                first = None
        if first is not None:
            found.append((round(first - self.began, 2), -1.0))
        return found

    def report(self) -> dict[str, object]:
        ordered = sorted(self.latencies)

        def percentile(share: float) -> float | None:
            return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2) if ordered else None

        return {
            "requests": len(self.ends),
            "failed": sum(self.failed.values()),
            "reasons": dict(self.failed),
            "seconds": round(time.perf_counter() - self.began, 3),
            "p50_ms": percentile(0.5),
            "p99_ms": percentile(0.99),
            "max_ms": percentile(1.0),
            "outages": self.outages(),
        }


class Answer:
    """Cuts what arrives into whole answers."""

    def __init__(self) -> None:
        self._data = b""
        self.status = 0
        self.closes = False

    def feed(self, data: bytes) -> bool:
        """True when the answer is whole. Raise ValueError for what is no HTTP."""
        self._data = data = self._data + data if self._data else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = data[:end].lower()
        self.status = int(head[9:12])
        self.closes = b"\r\nconnection: close" in head
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            stop = head.find(b"\r\n", at + 2)
            whole = len(data) >= end + 4 + int(head[at + 17 : stop if stop > 0 else end])
        else:
            whole = b"\r\ntransfer-encoding: chunked" not in head or data.endswith(b"0\r\n\r\n")
        if whole:
            self._data = b""
        return whole


class FlatOut(asyncio.Protocol):
    """One connection that asks again as soon as it was answered."""

    def __init__(self, request: bytes, result: Result, until: float, over: asyncio.Future[None]) -> None:
        self._request, self._result, self._until, self._over = request, result, until, over
        self._answer = Answer()
        self._start = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._start = time.perf_counter()
        if self._start >= self._until:
            self._start = 0.0
            self._transport.close()
            return
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._answer.feed(data):
            return
        if self._answer.status < 400:
            self._result.succeed(self._start)
        else:
            self._result.fail(self._start, f"status {self._answer.status}")
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._start:
            self._result.fail(self._start, type(error).__name__ if error else "EOFError")
        if not self._over.done():
            self._over.set_result(None)


class Load:
    def __init__(self, arguments: argparse.Namespace) -> None:
        parts = urlsplit(arguments.url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._seconds, self._rate, self._keep_alive = arguments.seconds, arguments.rate, not arguments.close
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *arguments.header]
        self._request = "\r\n".join([*lines, f"Connection: {'keep-alive' if self._keep_alive else 'close'}", "", ""]).encode()
        self._scheduled = 0
        self.result = Result()

    async def flat_out(self) -> None:
        """One connection, connected again when it breaks."""
        loop = asyncio.get_running_loop()
        until = self.result.began + self._seconds
        while time.perf_counter() < until:
            over: asyncio.Future[None] = loop.create_future()
            start = time.perf_counter()
            try:
                await loop.create_connection(lambda over=over: FlatOut(self._request, self.result, until, over), self._host, self._port)
            except OSError as error:
                self.result.fail(start, type(error).__name__)
                await asyncio.sleep(0.1)
                continue
            await over

    async def paced(self) -> None:
        """One of the connections that share the schedule of start times: a stall shows as latency and not as fewer requests."""
        reader = writer = None
        while (start := await self._turn()) is not None:
            answer = Answer()
            try:
                async with asyncio.timeout(TIMEOUT):
                    if reader is None or writer is None or reader.at_eof():
                        reader, writer = await asyncio.open_connection(self._host, self._port)
                    writer.write(self._request)
                    while not answer.feed(await _some(reader)):
                        pass
                if answer.status < 400:
                    self.result.succeed(start)
                else:
                    self.result.fail(start, f"status {answer.status}")
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self.result.fail(start, type(error).__name__)
                answer.closes = True
            if writer is not None and (answer.closes or not self._keep_alive):
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    async def _turn(self) -> float | None:
        """Wait for the next start time and return it; None when the run is over."""
        start = float(self.result.began + self._scheduled / self._rate)
        self._scheduled += 1
        if start - self.result.began >= self._seconds:
            return None
        await asyncio.sleep(max(0.0, start - time.perf_counter()))
        return start


async def _some(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(1 << 16)
    if not data:
        raise EOFError
    return data


async def main(arguments: argparse.Namespace) -> None:
    load = Load(arguments)
    connection = load.flat_out if arguments.rate is None else load.paced
    await asyncio.gather(*(connection() for _ in range(arguments.connections)))
    print(json.dumps(load.result.report()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, help="requests per second over all connections; without it as fast as they go")
    parser.add_argument("--close", action="store_true", help="a new connection for each request")
    parser.add_argument("--header", action="append", default=[])
    asyncio.run(main(parser.parse_args()))
