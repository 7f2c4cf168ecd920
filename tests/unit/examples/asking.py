"""Ask a service without a socket."""

import json
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

from web import Request, Response, Service


def request(method: str, target: str, headers: dict[str, str] | None = None, body: bytes | str = b"", peer: str = "127.0.0.6") -> Request:
    url = urlsplit(target)
    message = Message()
    for name, value in (headers or {}).items():
        message[name] = value
    content = body.encode() if isinstance(body, str) else body
    return Request(method, target, url.path, parse_qs(url.query, keep_blank_values=True), message, content, peer)


def ask(service: Service, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | str = b"") -> Response:
    return service.answer(request(method, target, headers, body))


def decoded(response: Response) -> Any:
    assert isinstance(response.body, str)
    return json.loads(response.body)
