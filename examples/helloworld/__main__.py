"""GET /hello."""

import os
import socket
import sys

from web import Request, Response, Service

service = Service("helloworld")
version = sys.argv[1]


@service.route("GET", "/hello")
def hello(_: Request) -> Response:
    return Response(200, f"Hello version: {version}, instance: {os.environ.get('HOSTNAME') or socket.gethostname()}\n")


@service.route("GET", "/health")
def health(_: Request) -> Response:
    return Response(200, "Helloworld is healthy\n")


if __name__ == "__main__":
    service.run(int(sys.argv[2]))
