"""reviews: two reviews of a book; v1 without stars, v2 with black and v3 with red ones from ratings.

v2 waits 10 s for ratings, v3 2.5 s, as in the sample: the difference is what the fault injection task is about.
"""

import http.client
import os
import socket
import sys

from bookinfo.tracing import passed_on
from bookinfo.upstream import get_json
from web import Request, Response, Service, json_response

service = Service("reviews")
with_ratings = os.environ.get("ENABLE_RATINGS", "false") == "true"
star_color = os.environ.get("STAR_COLOR", "black")
TIMEOUT = 10.0 if star_color == "black" else 2.5

REVIEWS = (
    ("Reviewer1", "Two pairs of twins, one city, and not a single quiet minute. I laughed all the way through."),
    ("Reviewer2", "Light as a feather and twice as quick. Those who look for depth may want another of the plays."),
)


@service.route("GET", "/health")
def health(_: Request) -> Response:
    return json_response({"status": "Reviews is healthy"})


@service.route("GET", "/reviews/{id}")
def reviews(request: Request) -> Response:
    product = request.params["id"]
    if not product.isdecimal():
        return json_response({"error": "please provide numeric product ID"}, 400)
    ratings = _ratings(product, request) if with_ratings else {}
    listed = [{"reviewer": name, "text": text, **({"rating": ratings[name]} if name in ratings else {})} for name, text in REVIEWS]
    return json_response(
        {
            "id": product,
            "podname": os.environ.get("HOSTNAME") or socket.gethostname(),
            "clustername": os.environ.get("CLUSTER_NAME", "null"),
            "reviews": listed,
        }
    )


def _ratings(product: str, request: Request) -> dict[str, dict[str, object]]:
    """Reviewer → its stars, or the error that the page shows in their place."""
    try:
        status, body = get_json("ratings", f"/ratings/{product}", passed_on(request.headers), TIMEOUT)
    except (OSError, http.client.HTTPException):
        status, body = 0, None
    if status != 200:
        return {name: {"error": "Ratings service is currently unavailable"} for name, _ in REVIEWS}
    stars = body["ratings"]
    return {name: {"stars": stars.get(name, -1), "color": star_color} for name, _ in REVIEWS}


if __name__ == "__main__":
    service.run(int(sys.argv[1]))
