"""ratings: stars per reviewer, kept in memory. SERVICE_VERSION makes it misbehave, as in the sample.

v-faulty fails half of the requests, v-delayed answers half of them after 7 s, v-unavailable is away every other minute, v-unhealthy is away and says so in
its health check every other quarter of an hour.
"""

import json
import os
import random
import sys
import threading
import time

from web import Request, Response, Service, json_response

service = Service("ratings")
version = os.environ.get("SERVICE_VERSION", "v1")
_added: dict[str, dict[str, int]] = {}
_lock = threading.Lock()
_started = time.monotonic()


def _away(period: float) -> bool:
    """Here for `period` seconds from the start, then away for as long, and so on."""
    return int((time.monotonic() - _started) / period) % 2 == 1


def unavailable() -> bool:
    match version:
        case "v-unavailable":
            return _away(60)
        case "v-unhealthy":
            return _away(900)
        case "v-faulty":
            return random.random() < 0.5
        case _:
            return False


@service.route("GET", "/health")
def health(_: Request) -> Response:
    if version == "v-unhealthy" and unavailable():
        return json_response({"status": "Ratings is not healthy"}, 500)
    return json_response({"status": "Ratings is healthy"})


@service.route("POST", "/ratings/{id}")
def add(request: Request) -> Response:
    product = request.params["id"]
    if not product.isdecimal():
        return json_response({"error": "please provide numeric product ID"}, 400)
    try:
        ratings = {str(name): int(stars) for name, stars in json.loads(request.body).items()}
    except (ValueError, AttributeError, TypeError):
        return json_response({"error": "please provide valid ratings JSON"}, 400)
    with _lock:
        _added[product] = ratings
    return json_response({"id": int(product), "ratings": ratings})


@service.route("GET", "/ratings/{id}")
def get(request: Request) -> Response:
    product = request.params["id"]
    if not product.isdecimal():
        return json_response({"error": "please provide numeric product ID"}, 400)
    if unavailable():
        return json_response({"error": "Service unavailable"}, 503)
    if version == "v-delayed" and random.random() < 0.5:
        time.sleep(7)
    with _lock:
        ratings = _added.get(product, {"Reviewer1": 5, "Reviewer2": 4})
    return json_response({"id": int(product), "ratings": ratings})


if __name__ == "__main__":
    service.run(int(sys.argv[1]))
