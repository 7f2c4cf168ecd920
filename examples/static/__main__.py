"""Serve a folder, or without one a welcome page that shows what the app sees of its caller."""

import mimetypes
import pathlib
import sys
from html import escape

from web import Request, Response, Service

service = Service("nginx")
root = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None


@service.route("GET", "/{path*}")
def page(request: Request) -> Response:
    if root is not None and root.is_dir():
        return _file(root, request.params["path"])
    if request.params["path"] not in ("", "index.html"):
        return Response(404, "<html><head><title>404 Not Found</title></head></html>\n", content_type="text/html")
    seen = "\n".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in request.headers.items())
    return Response(
        200,
        "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head>\n<body><h1>Welcome to nginx!</h1>\n"
        f"<p>Ostria's small web server answers in its place. It was called by {escape(request.peer)} with:</p>\n<table>\n{seen}\n</table></body></html>\n",
        content_type="text/html",
    )


def _file(root: pathlib.Path, path: str) -> Response:
    missing = Response(404, "not found\n")
    if "\0" in path:
        return missing
    file = (root / path.lstrip("/")).resolve()
    if not file.is_relative_to(root):
        return missing
    if file.is_dir():
        file /= "index.html"
    if not file.is_file():
        return missing
    return Response(200, file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream")


if __name__ == "__main__":
    service.run(int(sys.argv[1]))
