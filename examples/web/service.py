"""What an example app is made of: handlers behind routes, as plain functions from a request to a response. No sockets here."""

import json
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import unquote


class BadRequest(ValueError):
    """The caller's mistake: answered with 400 and this text."""


@dataclass
class Request:
    method: str
    target: str
    """As it stood on the request line: path, `?` and query."""
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: Message = field(default_factory=Message)
    body: bytes = b""
    peer: str = ""
    """The address that the connection came from."""
    params: dict[str, str] = field(default_factory=dict)
    """What stood in the places of the route's pattern, percent-decoded."""


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
        """The handler's response. A handler's mistake costs its own request only."""
        try:
            return self._dispatch(request)
        except BadRequest as mistake:
            return Response(400, f"{mistake}\n")
        except Exception as error:
            traceback.print_exc()
            return Response(500, f"{type(error).__name__}: {error}\n")

    def _dispatch(self, request: Request) -> Response:
        known = False
        for methods, pattern, handler in self._routes:
            if match := pattern.fullmatch(request.path):
                known = True
                if "*" in methods or request.method in methods or (request.method == "HEAD" and "GET" in methods):
                    request.params = {name: unquote(value) for name, value in match.groupdict().items()}
                    return handler(request)
        return Response(405, "method not allowed\n") if known else Response(404, "not found\n")

    def run(self, port: int) -> None:
        """Serve on `port`, IPv4 and IPv6, until SIGTERM or SIGINT; requests in flight are finished first."""
        from web.server import run

        run(self, port)
