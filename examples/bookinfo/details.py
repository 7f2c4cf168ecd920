"""details: what is known about a book."""

import sys

from web import Request, Response, Service, json_response

service = Service("details")


@service.route("GET", "/health")
def health(_: Request) -> Response:
    return json_response({"status": "Details is healthy"})


@service.route("GET", "/details/{id}")
def details(request: Request) -> Response:
    if not request.params["id"].isdecimal():
        return json_response({"error": "please provide numeric product id"}, 400)
    return json_response(
        {
            "id": int(request.params["id"]),
            "author": "William Shakespeare",
            "year": 1595,
            "type": "paperback",
            "pages": 200,
            "publisher": "PublisherA",
            "language": "English",
            "ISBN-10": "1234567890",
            "ISBN-13": "123-1234567890",
        }
    )


if __name__ == "__main__":
    service.run(int(sys.argv[1]))
