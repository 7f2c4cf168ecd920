"""What of a request is hashed, so that equal ones reach the same endpoint."""

from envoy.config.route.v3 import route_components_pb2 as route_pb

from ostria.api.networking.destination_rule import ConsistentHashLB, HTTPCookie
from ostria.translate.scalars import duration

_POLICY = route_pb.RouteAction.HashPolicy


def hash_policy(wanted: ConsistentHashLB) -> route_pb.RouteAction.HashPolicy | None:
    """None when it names no part of the request."""
    if wanted.http_header_name:
        return _POLICY(header=_POLICY.Header(header_name=wanted.http_header_name))
    if wanted.http_cookie is not None:
        return _POLICY(cookie=_cookie(wanted.http_cookie))
    if wanted.use_source_ip is not None:
        return _POLICY(connection_properties=_POLICY.ConnectionProperties(source_ip=wanted.use_source_ip))
    if wanted.http_query_parameter_name:
        return _POLICY(query_parameter=_POLICY.QueryParameter(name=wanted.http_query_parameter_name))
    return None


def _cookie(cookie: HTTPCookie) -> route_pb.RouteAction.HashPolicy.Cookie:
    """With a lifetime (0 is "for this session") Envoy sets the cookie itself when a client has none."""
    out = _POLICY.Cookie(
        name=cookie.name,
        path=cookie.path or "",
        attributes=[route_pb.RouteAction.HashPolicy.CookieAttribute(name=a.name, value=a.value or "") for a in cookie.attributes],
    )
    if cookie.ttl is not None:
        out.ttl.CopyFrom(duration(cookie.ttl))
    return out
