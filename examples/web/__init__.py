"""A small HTTP service: routes to handlers, on Python's own threading server, so that an example starts in a tenth of a second.

A handler takes a `Request` and returns a `Response`. One process serves one service; SIGTERM lets requests in flight finish.
"""

from web.service import BadRequest, Request, Response, Service, json_response

__all__ = ["BadRequest", "Request", "Response", "Service", "json_response"]
