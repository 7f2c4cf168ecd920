"""The server behind every example: HTTP/1.1 on Python's own threading server, which starts in a tenth of a second."""

import contextlib
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from web import body
from web.service import BadRequest, Request, Response, Service

IDLE_SECONDS = 75
GRACE_SECONDS = 10
LINGER_SECONDS = 1
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"connection", "content-length", "content-type", "transfer-encoding", "date", "server"})


def run(service: Service, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    in_flight = InFlight()
    try:
        server = bind(service, port, in_flight)
    except OSError as error:
        sys.exit(f"{service.name}: port {port}: {error.strerror}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{service.name} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=3600)
    server.server_close()
    in_flight.wait_idle(GRACE_SECONDS)


class InFlight:
    """Counts requests, so that a service that ends can wait for them; idle connections don't hold it."""

    def __init__(self) -> None:
        self.ending = False
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_idle(self, seconds: float) -> None:
        self.ending = True
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, seconds)


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET
    request_queue_size = 256
    daemon_threads = True

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # the caller went away: nothing is wrong here
            super().handle_error(request, client_address)

    def shutdown(self) -> None:
        # serve_forever sleeps until a connection comes, so that an idle service costs nothing: wake it.
        stopping = threading.Thread(target=super().shutdown, daemon=True)
        stopping.start()
        while stopping.is_alive():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.server_port), timeout=1).close()
            stopping.join(0.05)


class _DualStack(Server):
    address_family = socket.AF_INET6


def bind(service: Service, port: int, in_flight: InFlight) -> Server:
    """Listen on both address families; on IPv4 alone where the machine has no IPv6."""
    handler = type("Handler", (_Handler,), {"service": service, "in_flight": in_flight})
    try:
        return _DualStack(("::", port), handler)
    except OSError:
        return Server(("0.0.0.0", port), handler)


class _Handler(BaseHTTPRequestHandler):
    service: Service
    in_flight: InFlight
    protocol_version = "HTTP/1.1"
    wbufsize = 64 << 10
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        with self.in_flight:
            try:
                request = self._request()
            except body.BadBody as bad:
                self._refuse(bad.status, str(bad))
            except BadRequest as bad:
                self._refuse(400, str(bad))
            else:
                self._send(self.service.answer(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = handle_any

    def _request(self) -> Request:
        try:
            url = urlsplit(self.path)
            query = parse_qs(url.query, keep_blank_values=True)
        except ValueError:
            raise BadRequest("the request's target is not a URL") from None
        peer = self.client_address[0].removeprefix("::ffff:")
        return Request(self.command, self.path, url.path, query, self.headers, body.read(self.headers, self.rfile), peer)

    def _refuse(self, status: int, text: str) -> None:
        """Answer, then read on for a moment: closing with bytes unread would reset the connection before the answer arrives."""
        self.close_connection = True
        self._send(Response(status, f"{text}\n"))
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER_SECONDS)
        with contextlib.suppress(OSError):
            while self.connection.recv(64 << 10):
                pass

    def _send(self, response: Response) -> None:
        content = response.body.encode() if isinstance(response.body, str) else response.body
        has_body = response.status not in (204, 304)
        chunked = not isinstance(content, bytes) and self.request_version != "HTTP/1.0"
        self.close_connection = self.close_connection or self.in_flight.ending or (not isinstance(content, bytes) and not chunked)
        self.send_response(response.status)
        self._send_headers(response)
        if has_body:
            if isinstance(content, bytes):
                self.send_header("Content-Length", str(len(content)))
            elif chunked:
                self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body and self.command != "HEAD":
            self._send_body(content, chunked=chunked)
        # Before the request stops counting as in flight: what is only buffered would be lost when the process ends.
        self.wfile.flush()

    def _send_headers(self, response: Response) -> None:
        own = {name.lower(): value for name, value in response.headers.items()}
        if response.status not in (204, 304):
            self.send_header("Content-Type", _clean(own.get("content-type", response.content_type)))
        for name, value in response.headers.items():
            if _TOKEN.fullmatch(name) and name.lower() not in _OURS:
                self.send_header(name, _clean(value))
        for cookie in response.cookies:
            self.send_header("Set-Cookie", _clean(cookie))

    def _send_body(self, content: bytes | Iterator[bytes], *, chunked: bool) -> None:
        if isinstance(content, bytes):
            self.wfile.write(content)
            return
        for piece in content:
            if piece:  # an empty chunk would end the body
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def version_string(self) -> str:
        return self.service.name

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the proxy beside it logs every request."""


def _clean(value: str) -> str:
    """A header's value: what came from a caller can't end the header or begin another."""
    return "".join(c for c in value if c.isprintable()).encode("latin-1", "replace").decode("latin-1")
