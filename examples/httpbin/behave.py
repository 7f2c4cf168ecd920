"""Endpoints that answer late, large, broken or elsewhere."""

import base64
import gzip
import itertools
import json
import random
import time
import uuid
from collections.abc import Iterator

from httpbin.echo import seen
from web import Request, Response, Service, json_response

MAX_SECONDS = 10.0
MAX_BYTES = 10 << 20
MAX_LINES = 100


def seconds(text: str) -> float:
    """Go durations (`500ms`, `2s`) or plain seconds, at most MAX_SECONDS."""
    for unit, factor in (("ms", 0.001), ("s", 1.0)):
        if text.endswith(unit):
            return min(float(text.removesuffix(unit)) * factor, MAX_SECONDS)
    return min(float(text), MAX_SECONDS)


def first(request: Request, name: str, default: str) -> str:
    return request.query.get(name, [default])[0]


def add_to(service: Service) -> None:
    @service.route("*", "/status/{codes}")
    def status(request: Request) -> Response:
        """One code, or several with weights: /status/200:0.9,503:0.1."""
        try:
            pairs = [(int(code.partition(":")[0]), float(code.partition(":")[2] or 1)) for code in request.params["codes"].split(",")]
        except ValueError:
            return json_response({"error": "invalid status code"}, 400)
        code = random.choices([p[0] for p in pairs], [p[1] for p in pairs])[0]
        if not 200 <= code <= 599:
            return json_response({"error": "status code must be between 200 and 599"}, 400)
        teapot = "I'm a teapot!\n" if code == 418 else ""
        return Response(code, teapot, {"Location": "/redirect/1"} if code in (301, 302, 303, 307, 308) else {})

    @service.route("*", "/delay/{duration}")
    def delay(request: Request) -> Response:
        time.sleep(max(0.0, seconds(request.params["duration"])))
        return json_response(seen(request))

    @service.route("GET", "/unstable")
    def unstable(request: Request) -> Response:
        return Response(500 if random.random() < float(first(request, "failure_rate", "0.5")) else 200)

    @service.route("GET", "/bytes/{count}")
    def some_bytes(request: Request) -> Response:
        return Response(200, random.randbytes(min(int(request.params["count"]), MAX_BYTES)), content_type="application/octet-stream")

    @service.route("GET", "/stream/{count}")
    def stream(request: Request) -> Response:
        def lines() -> Iterator[bytes]:
            for i in range(min(int(request.params["count"]), MAX_LINES)):
                yield json.dumps({"id": i, **seen(request)}).encode() + b"\n"

        return Response(200, lines(), content_type="application/json")

    @service.route("GET", "/drip")
    def drip(request: Request) -> Response:
        count = min(int(first(request, "numbytes", "10")), MAX_BYTES)
        pause = seconds(first(request, "duration", "2s")) / max(1, count)

        def chunks() -> Iterator[bytes]:
            for _ in range(count):
                yield b"*"
                time.sleep(pause)

        time.sleep(seconds(first(request, "delay", "0s")))
        return Response(int(first(request, "code", "200")), chunks(), content_type="application/octet-stream")

    @service.route("GET", "/redirect/{count}")
    @service.route("GET", "/relative-redirect/{count}")
    def redirect(request: Request) -> Response:
        left = int(request.params["count"])
        return Response(302, "", {"Location": f"/redirect/{left - 1}" if left > 1 else "/get"})

    @service.route("*", "/redirect-to")
    def redirect_to(request: Request) -> Response:
        target = first(request, "url", "/get").replace("\r", "").replace("\n", "")
        return Response(int(first(request, "status_code", "302")), "", {"Location": target})

    @service.route("GET POST", "/response-headers")
    def response_headers(request: Request) -> Response:
        clean = {name: values[0].replace("\r", "").replace("\n", "") for name, values in request.query.items()}
        return json_response(request.query, headers=clean)

    @service.route("GET", "/gzip")
    def zipped(request: Request) -> Response:
        body = gzip.compress(json.dumps({"gzipped": True, **seen(request)}).encode())
        return Response(200, body, {"Content-Encoding": "gzip"}, "application/json; charset=utf-8")

    @service.route("GET", "/sse")
    def events(request: Request) -> Response:
        def stream_events() -> Iterator[bytes]:
            for i in itertools.islice(itertools.count(), min(int(first(request, "count", "10")), MAX_LINES)):
                yield f"event: ping\ndata: {json.dumps({'id': i})}\n\n".encode()
                time.sleep(seconds(first(request, "duration", "5s")) / 10)

        return Response(200, stream_events(), content_type="text/event-stream")

    @service.route("GET", "/base64/{text}")
    def decode(request: Request) -> Response:
        return Response(200, base64.urlsafe_b64decode(request.params["text"] + "=="))

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
