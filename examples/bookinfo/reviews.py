"""reviews: two reviews of a book; v1 without stars, v2 with black and v3 with red ones from ratings.

v2 waits 10 s for ratings, v3 2.5 s, as in the sample: the difference is what the fault injection task is about.
"""

import os
import socket
import sys

from bookinfo.tracing import passed_on
from bookinfo.upstream import NoAnswer, get_json
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
        return Response(404, "not found\n")
    stars = _stars(product, request) if with_ratings else None
    listed = [{"reviewer": name, "text": text, **({} if stars is None else {"rating": _rating(stars.get(name))})} for name, text in REVIEWS]
    return json_response(
        {
            "id": product,
            "podname": os.environ.get("HOSTNAME") or socket.gethostname(),
            "clustername": os.environ.get("CLUSTER_NAME", "null"),
            "reviews": listed,
        }
    )


def _rating(stars: int | None) -> dict[str, object]:
    """What stands beside a review: stars, or the error that the page shows in their place."""
    return {"error": "Ratings service is currently unavailable"} if stars is None else {"stars": stars, "color": star_color}


def _stars(product: str, request: Request) -> dict[str, int]:
    """Reviewer → stars; empty when ratings doesn't answer."""
    try:
        status, body = get_json("ratings", f"/ratings/{product}", passed_on(request.headers), TIMEOUT)
    except NoAnswer as error:
        print(f"unable to contact {error}", flush=True)
        return {}
    if status != 200:
        print(f"unable to contact ratings: status {status}", flush=True)
        return {}
    return {str(name): int(stars) for name, stars in body.get("ratings", {}).items()}


if __name__ == "__main__":
    service.run(int(sys.argv[1]))
