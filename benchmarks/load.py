"""A load generator small enough to run inside a workload: HTTP/1.1 over N connections, flat out or at a rate, no retries.

usage: python -m benchmarks.load URL --seconds 10 [--connections 64] [--rate 200] [--close] [--header 'Name: value']
Prints one JSON object: requests, failed (by reason), seconds, latency percentiles in milliseconds. A request fails when its status is not below 400 or its
connection breaks before the whole answer came.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from urllib.parse import urlsplit

TIMEOUT = 10.0


class Load:
    """Counts of one run; `--rate` is kept by a schedule of start times, so that a stall shows as latency and not as fewer requests."""

    def __init__(self, url: str, seconds: float, rate: float | None, keep_alive: bool, headers: list[str]) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        lines = [f"GET {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1", f"Host: {parts.netloc}", *headers]
        self.request = "\r\n".join([*lines, f"Connection: {'keep-alive' if keep_alive else 'close'}", "", ""]).encode()
        self.keep_alive, self.rate, self.seconds = keep_alive, rate, seconds
        self.failed: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.started = time.perf_counter()
        self._scheduled = 0

    async def turn(self) -> float | None:
        """Wait for the next start time and return it; None when the run is over."""
        if self.rate is None:
            now = time.perf_counter()
            return now if now - self.started < self.seconds else None
        start = self.started + self._scheduled / self.rate
        self._scheduled += 1
        if start - self.started >= self.seconds:
            return None
        await asyncio.sleep(max(0.0, start - time.perf_counter()))
        return start

    async def connection(self) -> None:
        reader = writer = None
        while (start := await self.turn()) is not None:
            try:
                async with asyncio.timeout(TIMEOUT):
                    if writer is None:
                        reader, writer = await asyncio.open_connection(self.host, self.port)
                    writer.write(self.request)
                    closes = await self._answer(reader)
                self.latencies.append(time.perf_counter() - start)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self.failed[type(error).__name__] += 1
                closes = True
            if writer is not None and (closes or not self.keep_alive):
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bool:
        """Read one answer whole; True when the server closes after it."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"\r\ncontent-length:" in head:
            await reader.readexactly(int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0]))
        elif b"\r\ntransfer-encoding: chunked" in head:
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            await reader.readuntil(b"\r\n")
        if status >= 400:
            self.failed[f"status {status}"] += 1
        return b"\r\nconnection: close" in head

    def report(self) -> dict[str, object]:
        ordered = sorted(self.latencies)

        def percentile(share: float) -> float | None:
            return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2) if ordered else None

        return {
            "requests": len(ordered) + sum(count for reason, count in self.failed.items() if not reason.startswith("status")),
            "failed": sum(self.failed.values()),
            "reasons": dict(self.failed),
            "seconds": round(time.perf_counter() - self.started, 2),
            "p50_ms": percentile(0.5),
            "p99_ms": percentile(0.99),
            "max_ms": percentile(1.0),
        }


async def main(arguments: argparse.Namespace) -> None:
    load = Load(arguments.url, arguments.seconds, arguments.rate, not arguments.close, arguments.header)
    await asyncio.gather(*(load.connection() for _ in range(arguments.connections)))
    print(json.dumps(load.report()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, help="requests per second over all connections; without it as fast as they go")
    parser.add_argument("--close", action="store_true", help="a new connection for each request")
    parser.add_argument("--header", action="append", default=[])
    asyncio.run(main(parser.parse_args()))
