"""productpage: the page itself, and its JSON API. Waits 3 s for each of details and reviews; asks reviews twice."""

import base64
import hmac
import http.client
import os
import secrets
import sys
from collections import Counter
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from bookinfo.page import LOGIN_RETURN, STYLE, index_page, product_page
from bookinfo.tracing import passed_on
from bookinfo.upstream import get_json
from web import Request, Response, Service, json_response

service = Service("productpage")
SECRET = os.environ.get("SESSION_SECRET", secrets.token_hex(16)).encode()
TIMEOUT = 3.0
PRODUCT = {
    "id": 0,
    "title": "The Comedy of Errors",
    "descriptionHtml": '<a href="https://en.wikipedia.org/wiki/The_Comedy_of_Errors">The Comedy of Errors</a> is the shortest of '
    "<b>Shakespeare's</b> plays: two pairs of twins, parted at birth by a shipwreck, arrive in one city on one day, and everybody is taken "
    "for somebody else.",
}
_results: Counter[tuple[str, int]] = Counter()


def user_of(request: Request) -> str:
    """The name in the session cookie, if the signature on it is ours."""
    cookie = SimpleCookie(request.headers.get("cookie", "")).get("session")
    name, _, mark = cookie.value.rpartition(".") if cookie else ("", "", "")
    return base64.urlsafe_b64decode(name).decode() if name and hmac.compare_digest(mark, _sign(name)) else ""


def _sign(name: str) -> str:
    return hmac.new(SECRET, name.encode(), "sha256").hexdigest()


def _headers(request: Request) -> dict[str, str]:
    headers = passed_on(request.headers)
    if user := user_of(request):
        headers["end-user"] = user
    return headers


def fetch(what: str, path: str, headers: dict[str, str], attempts: int = 1) -> tuple[int, Any]:
    """(200, body), or (status, {"error": what the page says}); no answer at all counts as 500."""
    status = 500
    for _ in range(attempts):
        try:
            status, body = get_json(what, path, headers, TIMEOUT)
        except (OSError, http.client.HTTPException):
            status = 500
            continue
        if status == 200:
            _results[what, status] += 1
            return status, body
        break
    _results[what, status] += 1
    return status, {"error": f"Sorry, product {what} are currently unavailable for this book."}


@service.route("GET", "/")
@service.route("GET", "/index.html")
def index(_: Request) -> Response:
    return Response(200, index_page(), content_type="text/html; charset=utf-8")


@service.route("GET", "/health")
def health(_: Request) -> Response:
    return Response(200, "Product page is healthy")


@service.route("POST", "/login")
def login(request: Request) -> Response:
    form = parse_qs(request.body.decode())
    name = base64.urlsafe_b64encode((form.get("username") or [""])[0].encode()).decode()
    back = request.headers.get("referer") or LOGIN_RETURN
    return Response(302, "", {"Location": back}, cookies=[f"session={name}.{_sign(name)}; Path=/; HttpOnly; SameSite=Lax"])


@service.route("GET", "/logout")
def logout(request: Request) -> Response:
    back = request.headers.get("referer") or LOGIN_RETURN
    return Response(302, "", {"Location": back}, cookies=["session=; Path=/; Max-Age=0"])


@service.route("GET", "/productpage")
def front(request: Request) -> Response:
    headers = _headers(request)
    details = fetch("details", "/details/0", headers)
    reviews = fetch("reviews", "/reviews/0", headers, attempts=2)
    return Response(200, product_page(PRODUCT, details, reviews, user_of(request)), content_type="text/html; charset=utf-8")


@service.route("GET", "/api/v1/products")
def products(_: Request) -> Response:
    return json_response([PRODUCT])


@service.route("GET", "/api/v1/products/{id}")
def product(request: Request) -> Response:
    status, body = fetch("details", f"/details/{request.params['id']}", _headers(request))
    return json_response(body, status)


@service.route("GET", "/api/v1/products/{id}/reviews")
def product_reviews(request: Request) -> Response:
    status, body = fetch("reviews", f"/reviews/{request.params['id']}", _headers(request), attempts=2)
    return json_response(body, status)


@service.route("GET", "/api/v1/products/{id}/ratings")
def product_ratings(request: Request) -> Response:
    status, body = fetch("ratings", f"/ratings/{request.params['id']}", _headers(request))
    return json_response(body, status)


@service.route("GET", "/static/style.css")
def style(_: Request) -> Response:
    return Response(200, STYLE, content_type="text/css")


@service.route("GET", "/metrics")
def metrics(_: Request) -> Response:
    lines = ["# HELP request_result_total Results of requests to other services", "# TYPE request_result_total counter"]
    lines += [
        f'request_result_total{{destination_app="{what}",response_code="{status}"}} {count}' for (what, status), count in _results.items()
    ]
    return Response(200, "\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")


if __name__ == "__main__":
    service.run(int(sys.argv[1]))
