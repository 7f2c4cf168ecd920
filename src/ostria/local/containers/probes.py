"""Ask a container how it is, from inside its own network namespace: so mutual TLS and captured ports never stand between a probe and the app.

Istio rewrites probes to reach the same: the app's address in its own namespace, past the sidecar.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.probe import GRPCAction, HTTPGetAction, LifecycleHandler, Probe
from ostria.local.kernel.namespaces import Home

_READ = 64 << 10


class ProbeFailed(Exception):
    """The text tells what the app answered, or that it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One container: where it is, and how to run a command in it."""

    home: Home
    network: int | None
    address: str
    container: Container
    port: Callable[[int], int]
    """Where a port of the container really is."""
    execute: Callable[[tuple[str, ...]], Awaitable[tuple[int, str]]]


async def ask(probe: Probe | LifecycleHandler, target: Target, timeout: float) -> None:
    """Raise ProbeFailed unless the answer is good."""
    try:
        await asyncio.wait_for(_ask(probe, target), timeout)
    except TimeoutError:
        raise ProbeFailed(f"no answer within {timeout:g} s") from None
    except OSError as error:
        raise ProbeFailed(os.strerror(error.errno) if error.errno else str(error)) from None


async def _ask(probe: Probe | LifecycleHandler, target: Target) -> None:
    if probe.http_get is not None:
        await _http(probe.http_get, target)
    elif probe.tcp_socket is not None:
        (await _connect(target, probe.tcp_socket.host, port_number(probe.tcp_socket.port, target.container)))[1].close()
    elif probe.exec is not None:
        status, said = await target.execute(probe.exec.command)
        if status:
            raise ProbeFailed(f"{' '.join(probe.exec.command)} ended with status {status}: {said.strip()[-200:]}")
    elif isinstance(probe, Probe) and probe.grpc is not None:
        await _grpc(probe.grpc, target)
    elif isinstance(probe, LifecycleHandler) and probe.sleep is not None:
        await asyncio.sleep(probe.sleep.seconds)


def port_number(port: int | str, container: Container) -> int:
    if isinstance(port, int) or port.isdecimal():
        return int(port)
    for declared in container.ports:
        if declared.name == port:
            return declared.container_port
    raise ProbeFailed(f"container {container.name!r} has no port named {port!r}")


async def _connect(target: Target, host: str, port: int, *, tls: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address, port = host or target.address, target.port(port)
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    with target.home.inside(target.network):
        connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
        context = _unverified() if tls else None
        return await asyncio.open_connection(sock=connection, limit=_READ, ssl=context, server_hostname="" if tls else None)
    except BaseException:
        connection.close()
        raise


def _unverified() -> ssl.SSLContext:
    """As the kubelet: a probe asks whether the app answers, not who it is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _http(action: HTTPGetAction, target: Target) -> None:
    port = port_number(action.port, target.container)
    reader, writer = await _connect(target, action.host, port, tls=action.scheme == "HTTPS")
    headers = {"host": f"{action.host or target.address}:{port}", "user-agent": "kube-probe/1.34", "accept": "*/*", "connection": "close"}
    headers |= {header.name.lower(): header.value for header in action.http_headers}
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    request = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    try:
        writer.write(request.encode("latin-1"))
        words = (await reader.readline()).split()
    finally:
        writer.close()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ProbeFailed("the answer is not HTTP")
    if not 200 <= int(words[1]) < 400:
        raise ProbeFailed(f"HTTP status {int(words[1])}")


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _GOAWAY = 0, 1, 4, 7
_END_STREAM, _END_HEADERS, _SETTINGS_ACK = 1, 4, 1


async def _grpc(action: GRPCAction, target: Target) -> None:
    """One call of grpc.health.v1.Health/Check, in the few HTTP/2 frames that it takes: gRPC's own library is too much for a question of 20 bytes."""
    reader, writer = await _connect(target, "", action.port)
    name = action.service.encode()
    message = (b"\x0a" + bytes([len(name)]) + name) if name else b""
    try:
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_HEADERS, 1, _health_headers(target.address)))
        writer.write(_frame(_DATA, _END_STREAM, 1, b"\0" + struct.pack(">I", len(message)) + message))
        answer = await _grpc_answer(reader, writer)
    finally:
        writer.close()
    if answer[5:] != b"\x08\x01":
        raise ProbeFailed("the gRPC health service does not say SERVING")


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _health_headers(authority: str) -> bytes:
    """HPACK literals without indexing: nothing to remember between requests."""
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"), (":authority", authority)]
    pairs += [("content-type", "application/grpc"), ("te", "trailers")]
    return b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in pairs)


async def _grpc_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    while True:
        try:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3]))
        except asyncio.IncompleteReadError:
            raise ProbeFailed("the gRPC connection ended without an answer") from None
        kind, flags = head[3], head[4]
        if kind == _SETTINGS and not flags & _SETTINGS_ACK:
            writer.write(_frame(_SETTINGS, _SETTINGS_ACK, 0, b""))
        elif kind == _DATA:
            return payload
        elif kind == _GOAWAY or (kind == _HEADERS and flags & _END_STREAM):
            raise ProbeFailed("the gRPC health service gave no answer")
