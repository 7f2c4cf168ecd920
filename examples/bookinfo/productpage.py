"""productpage: the page itself, and its JSON API. Waits 3 s for each of details and reviews; asks reviews twice.

FLOOD_FACTOR makes each page ask reviews that many times more, for those who want to see a rate limit at work.
"""

import os
import sys
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, quote

from bookinfo import session
from bookinfo.page import LOGIN_RETURN, STYLE, index_page, product_page
from bookinfo.tracing import passed_on
from bookinfo.upstream import NoAnswer, get_json
from web import Request, Response, Service, json_response

service = Service("productpage")
TIMEOUT = 3.0
FLOOD_FACTOR = int(os.environ.get("FLOOD_FACTOR") or 0)
PRODUCT = {
    "id": 0,
    "title": "The Comedy of Errors",
    "descriptionHtml": '<a href="https://en.wikipedia.org/wiki/The_Comedy_of_Errors">The Comedy of Errors</a> is the shortest of '
    "<b>Shakespeare's</b> plays: two pairs of twins, parted at birth by a shipwreck, arrive in one city on one day, and everybody is taken "
    "for somebody else.",
}
_results: Counter[tuple[str, int]] = Counter()


def _headers(request: Request) -> dict[str, str]:
    """`end-user` says who has signed in here; what the caller itself says in that header is not passed on."""
    headers = passed_on(request.headers)
    headers.pop("end-user", None)
    if user := session.user(request.headers.get("cookie", "")):
        headers["end-user"] = quote(user, safe=" !#$&'()*+,/:;=?@[]")
    return headers


def fetch(what: str, path: str, headers: dict[str, str], attempts: int = 1) -> tuple[int, Any]:
    """(200, body), or (the last attempt's status, {"error": what the page says}); no answer at all counts as 500."""
    status, body = 500, None
    for _ in range(attempts):
        try:
            status, body = get_json(what, path, headers, TIMEOUT)
        except NoAnswer:
            status = 500
        if status == 200:
            break
    _results[what, status] += 1
    return status, body if status == 200 else {"error": f"Sorry, product {what} are currently unavailable for this book."}


@service.route("GET", "/")
@service.route("GET", "/index.html")
def index(_: Request) -> Response:
    return Response(200, index_page(), content_type="text/html; charset=utf-8")


@service.route("GET", "/health")
def health(_: Request) -> Response:
    return Response(200, "Product page is healthy")


@service.route("POST", "/login")
def login(request: Request) -> Response:
    form = {**request.query, **parse_qs(request.body.decode("utf-8", "replace"))}
    return _back(request, session.cookie((form.get("username") or [""])[0]))


@service.route("GET", "/logout")
def logout(request: Request) -> Response:
    return _back(request, session.ENDED)


def _back(request: Request, cookie: str) -> Response:
    return Response(302, "", {"Location": request.headers.get("referer") or LOGIN_RETURN}, cookies=[cookie])


@service.route("GET", "/productpage")
def front(request: Request) -> Response:
    headers = _headers(request)
    details = fetch("details", "/details/0", headers)
    for _ in range(FLOOD_FACTOR):
        fetch("reviews", "/reviews/0", headers, attempts=2)
    reviews = fetch("reviews", "/reviews/0", headers, attempts=2)
    user = session.user(request.headers.get("cookie", ""))
    return Response(200, product_page(PRODUCT, details, reviews, user), content_type="text/html; charset=utf-8")


@service.route("GET", "/api/v1/products")
def products(_: Request) -> Response:
    return json_response([PRODUCT])


@service.route("GET", "/api/v1/products/{id}")
def product(request: Request) -> Response:
    status, body = fetch("details", f"/details/{_segment(request)}", _headers(request))
    return json_response(body, status)


@service.route("GET", "/api/v1/products/{id}/reviews")
def product_reviews(request: Request) -> Response:
    status, body = fetch("reviews", f"/reviews/{_segment(request)}", _headers(request), attempts=2)
    return json_response(body, status)


@service.route("GET", "/api/v1/products/{id}/ratings")
def product_ratings(request: Request) -> Response:
    status, body = fetch("ratings", f"/ratings/{_segment(request)}", _headers(request))
    return json_response(body, status)


def _segment(request: Request) -> str:
    return quote(request.params["id"], safe="")


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
