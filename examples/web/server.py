"""The server behind every example: parse, find the route, answer."""

import contextlib
import json
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 16 << 20
IDLE_SECONDS = 75
GRACE_SECONDS = 10


@dataclass
class Request:
    method: str
    target: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    peer: str
    connection: socket.socket
    params: dict[str, str] = field(default_factory=dict)


@dataclass
class Response:
    """`body` is sent with its length; an iterator of chunks is sent chunked."""

    status: int = 200
    body: bytes | str | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "text/plain; charset=utf-8"
    cookies: list[str] = field(default_factory=list)


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(status, json.dumps(value) + "\n", headers or {}, "application/json; charset=utf-8")


Handler = Callable[[Request], Response]


class Service:
    """Routes in the order in which they were added; `{name}` stands for one segment, `{name*}` for the rest of the path."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.in_flight = _InFlight()
        self._routes: list[tuple[frozenset[str], re.Pattern[str], Handler]] = []

    def route(self, methods: str, pattern: str) -> Callable[[Handler], Handler]:
        parts = re.split(r"\{(\w+\*?)\}", pattern)
        text = "".join(
            re.escape(part) if i % 2 == 0 else f"(?P<{part.rstrip('*')}>{'.*' if part.endswith('*') else '[^/]+'})"
            for i, part in enumerate(parts)
        )
        compiled = re.compile(text)

        def add(handler: Handler) -> Handler:
            self._routes.append((frozenset(methods.split()), compiled, handler))
            return handler

        return add

    def answer(self, request: Request) -> Response:
        known = False
        for methods, pattern, handler in self._routes:
            if match := pattern.fullmatch(request.path):
                known = True
                if "*" in methods or request.method in methods or (request.method == "HEAD" and "GET" in methods):
                    request.params = match.groupdict()
                    return handler(request)
        return Response(405, "method not allowed\n") if known else Response(404, "not found\n")

    def run(self, port: int) -> None:
        """Serve on `port`, IPv4 and IPv6, until SIGTERM or SIGINT."""
        server = _server(port, self)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"{self.name} listens on port {port}", flush=True)
        server.serve_forever(poll_interval=3600)
        server.server_close()
        self.in_flight.wait_idle(GRACE_SECONDS)


class _InFlight:
    """Counts requests, so that a service that ends can wait for them; idle connections don't hold it."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def add(self, change: int) -> None:
        with self._changed:
            self._count += change
            self._changed.notify_all()

    def wait_idle(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, seconds)


class _DualStack(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 256
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def shutdown(self) -> None:
        # serve_forever sleeps until a connection comes, so that an idle service costs nothing: wake it.
        stopping = threading.Thread(target=super().shutdown, daemon=True)
        stopping.start()
        while stopping.is_alive():
            with contextlib.suppress(OSError):
                socket.create_connection(("localhost", self.server_port), timeout=1).close()
            stopping.join(0.05)


class _IPv4(_DualStack):
    address_family = socket.AF_INET

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", self.server_address[1]


def _server(port: int, service: Service) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"service": service})
    try:
        return _DualStack(("::", port), handler)
    except OSError:
        return _IPv4(("0.0.0.0", port), handler)


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"
    wbufsize = 64 << 10
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.send_error(413)
            return
        body = self._chunks() if "chunked" in (self.headers.get("Transfer-Encoding") or "") else self.rfile.read(length)
        url = urlsplit(self.path)
        peer = self.client_address[0].removeprefix("::ffff:")
        request = Request(
            self.command, self.path, url.path, parse_qs(url.query, keep_blank_values=True), self.headers, body, peer, self.connection
        )
        self.service.in_flight.add(1)
        try:
            self._send(self._answer(request))
        finally:
            self.service.in_flight.add(-1)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = handle_any

    def _answer(self, request: Request) -> Response:
        try:
            return self.service.answer(request)
        except Exception as error:  # a handler's mistake costs its own request only
            return Response(500, f"{type(error).__name__}: {error}\n")

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(64).split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline(8)
            if len(body) > MAX_BODY:
                raise ValueError("request body too large")
        self.rfile.readline(8)
        return body

    def _send(self, response: Response) -> None:
        body = response.body.encode() if isinstance(response.body, str) else response.body
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        for cookie in response.cookies:
            self.send_header("Set-Cookie", cookie)
        if response.status >= 200 and response.status not in (204, 304):
            self.send_header("Content-Type", response.content_type)
            if isinstance(body, bytes):
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD" or response.status in (204, 304):
            return
        if isinstance(body, bytes):
            self.wfile.write(body)
        else:
            for chunk in body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    def version_string(self) -> str:
        return self.service.name

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the proxy beside it logs every request."""
