"""The service: what it received (`echo`), how it may misbehave (`behave`)."""

import sys

from httpbin import behave, echo
from web import Request, Response, Service

service = Service("httpbin")


@service.route("GET", "/")
def index(_: Request) -> Response:
    return Response(
        200,
        "<!DOCTYPE html><html><body><h1>httpbin</h1><p>Try /get, /headers, /status/503, /delay/2.</p></body></html>\n",
        content_type="text/html",
    )


echo.add_to(service)
behave.add_to(service)

if __name__ == "__main__":
    service.run(int(sys.argv[1]))
