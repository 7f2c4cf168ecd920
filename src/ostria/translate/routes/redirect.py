"""Answers that a proxy gives itself: redirects and fixed responses."""

from base64 import b64decode
from binascii import Error as Base64Error

from envoy.config.core.v3 import base_pb2
from envoy.config.route.v3 import route_components_pb2 as route_pb

from ostria.api.networking.virtual_service import HTTPBody, HTTPDirectResponse, HTTPRedirect

_ACTION = route_pb.RedirectAction
_CODES = {
    301: _ACTION.MOVED_PERMANENTLY,
    302: _ACTION.FOUND,
    303: _ACTION.SEE_OTHER,
    307: _ACTION.TEMPORARY_REDIRECT,
    308: _ACTION.PERMANENT_REDIRECT,
}
_OWN_PORT = {"http": 80, "https": 443}


def redirect_action(redirect: HTTPRedirect, *, port: int, tls: bool) -> route_pb.RedirectAction | None:
    """`port` and `tls` are the listener's. None when Envoy has no such redirect code."""
    code = _CODES.get(redirect.redirect_code or 301)
    if code is None:
        return None
    out = _ACTION(
        host_redirect=redirect.authority or "",
        port_redirect=_port(redirect, port=port, tls=tls),
        response_code=code,
    )
    if redirect.prefix_rewrite is not None:
        out.prefix_rewrite = redirect.prefix_rewrite
    elif redirect.uri:
        out.path_redirect = redirect.uri
    if redirect.scheme:
        out.scheme_redirect = redirect.scheme
    return out


def _port(redirect: HTTPRedirect, *, port: int, tls: bool) -> int:
    """0 says none: the port that a scheme implies isn't spelled out."""
    wanted = redirect.port or (port if redirect.derive_port == "FROM_REQUEST_PORT" else 0)
    scheme = redirect.scheme or ("https" if tls else "http")
    return 0 if wanted == _OWN_PORT.get(scheme) else wanted


def direct_response(response: HTTPDirectResponse) -> route_pb.DirectResponseAction:
    out = route_pb.DirectResponseAction(status=response.status)
    if response.body is not None and (body := _body(response.body)) is not None:
        out.body.CopyFrom(body)
    return out


def refusal(status: int) -> route_pb.DirectResponseAction:
    """What a route without any usable destination answers."""
    return route_pb.DirectResponseAction(status=status)


def _body(body: HTTPBody) -> base_pb2.DataSource | None:
    if body.string is not None:
        return base_pb2.DataSource(inline_string=body.string)
    if body.bytes is None:
        return None
    try:
        return base_pb2.DataSource(inline_bytes=b64decode(body.bytes))
    except Base64Error:  # validation refuses it; what got past validation costs its body, not the whole configuration
        return None
