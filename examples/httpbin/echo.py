"""Endpoints that tell the caller what arrived."""

import base64
import json
import os
import socket
from urllib.parse import parse_qs, quote

from web import Request, Response, Service, json_response


def seen(request: Request) -> dict[str, object]:
    host = request.headers.get("host", "")
    scheme = request.headers.get("x-forwarded-proto", "http")
    return {
        "args": request.query,
        "headers": headers(request),
        "method": request.method,
        "origin": request.headers.get("x-forwarded-for", request.peer).split(",")[0].strip(),
        "url": f"{scheme}://{host}{request.target}",
    }


def headers(request: Request) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        out.setdefault("-".join(part.capitalize() for part in name.split("-")), []).append(value)
    return dict(sorted(out.items()))


def with_body(request: Request) -> dict[str, object]:
    kind = request.headers.get("content-type", "")
    text = request.body.decode("utf-8", "replace")
    parsed: object = None
    if "json" in kind:
        try:
            parsed = json.loads(request.body or b"null")
        except ValueError:
            parsed = None
    form = parse_qs(text) if "form-urlencoded" in kind else {}
    return {**seen(request), "data": text, "files": {}, "form": form, "json": parsed}


def add_to(service: Service) -> None:
    @service.route("GET", "/get")
    def get(request: Request) -> Response:
        return json_response(seen(request))

    for method in ("POST", "PUT", "PATCH", "DELETE"):

        @service.route(method, f"/{method.lower()}")
        def body(request: Request) -> Response:
            return json_response(with_body(request))

    @service.route("*", "/anything")
    @service.route("*", "/anything/{rest*}")
    def anything(request: Request) -> Response:
        return json_response(with_body(request))

    @service.route("GET", "/headers")
    def all_headers(request: Request) -> Response:
        return json_response({"headers": headers(request)})

    @service.route("GET", "/ip")
    def ip(request: Request) -> Response:
        return json_response({"origin": seen(request)["origin"]})

    @service.route("GET", "/user-agent")
    def user_agent(request: Request) -> Response:
        return json_response({"user-agent": request.headers.get("user-agent", "")})

    @service.route("GET", "/hostname")
    def hostname(_: Request) -> Response:
        return json_response({"hostname": os.environ.get("HOSTNAME") or socket.gethostname()})

    @service.route("GET", "/cookies")
    def cookies(request: Request) -> Response:
        pairs = (pair.strip().partition("=") for pair in request.headers.get("cookie", "").split(";") if pair.strip())
        return json_response({name: value for name, _, value in pairs})

    @service.route("GET", "/cookies/set")
    def set_cookies(request: Request) -> Response:
        return Response(
            302,
            "",
            {"Location": "/cookies"},
            cookies=[f"{quote(name)}={quote(values[0])}; Path=/" for name, values in request.query.items()],
        )

    @service.route("GET", "/dump/request")
    def dump(request: Request) -> Response:
        lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
        return Response(200, "\r\n".join(lines) + "\r\n\r\n" + request.body.decode("utf-8", "replace"))

    @service.route("GET", "/basic-auth/{user}/{password}")
    def basic_auth(request: Request) -> Response:
        expected = base64.b64encode(f"{request.params['user']}:{request.params['password']}".encode()).decode()
        if request.headers.get("authorization") == f"Basic {expected}":
            return json_response({"authenticated": True, "authorized": True, "user": request.params["user"]})
        return json_response({"authenticated": False, "authorized": False}, 401, {"WWW-Authenticate": 'Basic realm="Fake Realm"'})

    @service.route("GET", "/bearer")
    def bearer(request: Request) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer" and token:
            return json_response({"authenticated": True, "token": token})
        return Response(401, "", {"WWW-Authenticate": "Bearer"})
