"""ratings: stars per reviewer, kept in memory. SERVICE_VERSION makes it misbehave: v-unavailable, v-faulty, v-delayed, v-unhealthy."""

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


@service.route("GET", "/health")
def health(_: Request) -> Response:
    """v-unhealthy alternates: a quarter of an hour well, a quarter of an hour ill."""
    if version == "v-unhealthy" and int((time.monotonic() - _started) / 900) % 2:
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
    if version == "v-unavailable" or (version == "v-faulty" and random.random() < 0.5):
        return json_response({"error": "Service unavailable"}, 503)
    if version == "v-delayed" and random.random() < 0.5:
        time.sleep(7)
    with _lock:
        ratings = _added.get(product, {"Reviewer1": 5, "Reviewer2": 4})
    return json_response({"id": int(product), "ratings": ratings})


if __name__ == "__main__":
    service.run(int(sys.argv[1]))
