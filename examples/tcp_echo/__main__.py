"""One listener per port, IPv4 and IPv6, on one event loop, until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

MAX_LINE = 64 << 10


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, prefix: str) -> None:
    try:
        while line := await reader.readline():
            writer.write(prefix.encode() + b" " + line)
            await writer.drain()
    except (ConnectionError, ValueError):
        pass  # the peer went away, or sent a line longer than MAX_LINE
    finally:
        writer.close()


async def main(ports: list[int], prefix: str) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    servers = [await asyncio.start_server(lambda r, w: echo(r, w, prefix), None, port, limit=MAX_LINE) for port in ports]
    print(f"tcp-echo listens on ports {', '.join(map(str, ports))}", flush=True)
    await ended.wait()
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main([int(p) for p in sys.argv[1].split(",")], sys.argv[2]))
