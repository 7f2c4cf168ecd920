"""One HTTP request to a port on the loopback of a pod's own network namespace: Envoy's admin page, the control plane's debug pages."""

import asyncio
import socket

import h11

from ostria.local.kernel.namespaces import Home

_LIMIT = 256 << 20


async def fetch(
    home: Home, network: int | None, address: tuple[str, int], path: str, method: str = "GET", timeout: float = 30.0
) -> tuple[int, bytes]:
    """Status and body. Raise OSError, TimeoutError, or ValueError where the answer is no HTTP."""
    with home.inside(network):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    async with asyncio.timeout(timeout):
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
            reader, writer = await asyncio.open_connection(sock=connection)
        except BaseException:
            connection.close()
            raise
        try:
            return await _exchange(reader, writer, address[1], path, method)
        except h11.ProtocolError as error:
            raise ValueError(str(error)) from None
        finally:
            writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, path: str, method: str) -> tuple[int, bytes]:
    state = h11.Connection(h11.CLIENT)
    headers = [("host", f"localhost:{port}"), ("connection", "close"), ("content-length", "0")]
    for event in (h11.Request(method=method, target=path, headers=headers), h11.EndOfMessage()):
        writer.write(state.send(event) or b"")
    status, body = 0, bytearray()
    while True:
        got = state.next_event()
        if got is h11.NEED_DATA:
            state.receive_data(await reader.read(1 << 16))
        elif isinstance(got, h11.Response):
            status = got.status_code
        elif isinstance(got, h11.Data):
            body += got.data
            if len(body) > _LIMIT:
                raise ValueError("the answer is too large")
        elif isinstance(got, h11.EndOfMessage | h11.ConnectionClosed):
            return status, bytes(body)
