"""Endpoints that answer late, large, broken or elsewhere."""

import base64
import gzip
import json
import random
import time
import uuid
from collections.abc import Iterator
from urllib.parse import quote

from httpbin.echo import seen
from web import BadRequest, Request, Response, Service, json_response

MAX_SECONDS = 10.0
MAX_BYTES = 10 << 20
MAX_LINES = 100


def seconds(text: str) -> float:
    """Go durations (`500ms`, `2s`) or plain seconds, at most MAX_SECONDS."""
    factor = 0.001 if text.endswith("ms") else 1.0
    try:
        found = float(text.removesuffix("ms").removesuffix("s")) * factor
    except ValueError:
        raise BadRequest(f"not a duration: {text}") from None
    if not found >= 0:
        raise BadRequest(f"not a duration: {text}")
    return min(found, MAX_SECONDS)


def count(text: str, most: int) -> int:
    if not text.isdecimal():
        raise BadRequest(f"not a number: {text}")
    return min(int(text), most)


def code(text: str) -> int:
    if not text.isdecimal() or not 200 <= int(text) <= 599:
        raise BadRequest("status code must be between 200 and 599")
    return int(text)


def weighted(text: str) -> list[tuple[int, float]]:
    """Codes with weights: `200:0.9,503:0.1`; one without a weight has 1."""
    pairs = []
    for part in text.split(","):
        status, colon, weight = part.partition(":")
        try:
            pairs.append((code(status), float(weight) if colon else 1.0))
        except ValueError:
            raise BadRequest(f"not a status code with a weight: {part}") from None
    if not all(weight >= 0 for _, weight in pairs) or not 0 < sum(weight for _, weight in pairs) < float("inf"):
        raise BadRequest("weights must be positive numbers")
    return pairs


def first(request: Request, name: str, default: str) -> str:
    return request.query.get(name, [default])[0]


def add_to(service: Service) -> None:
    @service.route("*", "/status/{codes}")
    def status(request: Request) -> Response:
        """One code, or several with weights: /status/200:0.9,503:0.1."""
        pairs = weighted(request.params["codes"])
        chosen = random.choices([status for status, _ in pairs], [weight for _, weight in pairs])[0]
        teapot = "I'm a teapot!\n" if chosen == 418 else ""
        return Response(chosen, teapot, {"Location": "/redirect/1"} if chosen in (301, 302, 303, 307, 308) else {})

    @service.route("*", "/delay/{duration}")
    def delay(request: Request) -> Response:
        time.sleep(seconds(request.params["duration"]))
        return json_response(seen(request))

    @service.route("GET", "/unstable")
    def unstable(request: Request) -> Response:
        try:
            rate = float(first(request, "failure_rate", "0.5"))
        except ValueError:
            raise BadRequest("failure_rate is not a number") from None
        return Response(500 if random.random() < rate else 200)

    @service.route("GET", "/bytes/{number}")
    def some_bytes(request: Request) -> Response:
        return Response(200, random.randbytes(count(request.params["number"], MAX_BYTES)), content_type="application/octet-stream")

    @service.route("GET", "/stream/{number}")
    def stream(request: Request) -> Response:
        number = count(request.params["number"], MAX_LINES)

        def lines() -> Iterator[bytes]:
            for i in range(number):
                yield json.dumps({"id": i, **seen(request)}).encode() + b"\n"

        return Response(200, lines(), content_type="application/json")

    @service.route("GET", "/drip")
    def drip(request: Request) -> Response:
        number = count(first(request, "numbytes", "10"), MAX_BYTES)
        pause = seconds(first(request, "duration", "2s")) / max(1, number)
        status = code(first(request, "code", "200"))

        def chunks() -> Iterator[bytes]:
            for _ in range(number):
                yield b"*"
                time.sleep(pause)

        time.sleep(seconds(first(request, "delay", "0s")))
        return Response(status, chunks(), content_type="application/octet-stream")

    @service.route("GET", "/redirect/{number}")
    @service.route("GET", "/relative-redirect/{number}")
    def redirect(request: Request) -> Response:
        left = count(request.params["number"], MAX_LINES)
        return Response(302, "", {"Location": f"/redirect/{left - 1}" if left > 1 else "/get"})

    @service.route("*", "/redirect-to")
    def redirect_to(request: Request) -> Response:
        target = quote(first(request, "url", "/get"), safe="%/:?#[]@!$&'()*+,;=~")
        return Response(code(first(request, "status_code", "302")), "", {"Location": target})

    @service.route("GET POST", "/response-headers")
    def response_headers(request: Request) -> Response:
        return json_response(request.query, headers={name: values[0] for name, values in request.query.items()})

    @service.route("GET", "/gzip")
    def zipped(request: Request) -> Response:
        body = gzip.compress(json.dumps({"gzipped": True, **seen(request)}).encode())
        return Response(200, body, {"Content-Encoding": "gzip"}, "application/json; charset=utf-8")

    @service.route("GET", "/sse")
    def events(request: Request) -> Response:
        number = count(first(request, "count", "10"), MAX_LINES)
        pause = seconds(first(request, "duration", "5s")) / max(1, number)

        def stream_events() -> Iterator[bytes]:
            for i in range(number):
                yield f"event: ping\ndata: {json.dumps({'id': i})}\n\n".encode()
                time.sleep(pause)

        return Response(200, stream_events(), content_type="text/event-stream")

    @service.route("GET", "/base64/{text}")
    def decode(request: Request) -> Response:
        try:
            return Response(200, base64.urlsafe_b64decode(request.params["text"] + "=="))
        except ValueError:
            raise BadRequest("not base64") from None

    @service.route("GET", "/uuid")
    def new_uuid(_: Request) -> Response:
        return json_response({"uuid": str(uuid.uuid4())})

    @service.route("GET", "/html")
    def html(_: Request) -> Response:
        return Response(200, "<!DOCTYPE html><html><body><h1>httpbin</h1></body></html>\n", content_type="text/html; charset=utf-8")

    @service.route("GET", "/json")
    def some_json(_: Request) -> Response:
        return json_response({"slideshow": {"title": "Sample Slide Show", "slides": [{"title": "One", "type": "all"}]}})

    @service.route("GET", "/robots.txt")
    def robots(_: Request) -> Response:
        return Response(200, "User-agent: *\nDisallow: /deny\n")
