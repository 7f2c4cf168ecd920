"""One listener per port, IPv4 and IPv6, on one event loop."""

import asyncio
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
    servers = [await asyncio.start_server(lambda r, w: echo(r, w, prefix), None, port, limit=MAX_LINE) for port in ports]
    print(f"tcp-echo listens on ports {', '.join(map(str, ports))}", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main([int(p) for p in sys.argv[1].split(",")], sys.argv[2]))
