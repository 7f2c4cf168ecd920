"""HTTPMatchRequest as Envoy's route match. Ports, gateways and sources are settled before: what remains is a question to the request."""

from collections.abc import Iterable

from envoy.config.route.v3 import route_components_pb2 as route_pb
from google.protobuf.wrappers_pb2 import BoolValue

from ostria.api.networking.virtual_service import HTTPMatchRequest, StringMatch
from ostria.translate.routes.claims_match import claim_matcher, claim_path
from ostria.translate.routes.strings import is_presence, regex, string_matcher


def route_match(match: HTTPMatchRequest | None) -> route_pb.RouteMatch:
    """No match at all is everything."""
    if match is None:
        return route_pb.RouteMatch(prefix="/")
    out = _path(match.uri)
    out.case_sensitive.CopyFrom(BoolValue(value=not match.ignore_uri_case))
    named = [*((n, m, False) for n, m in match.headers.items()), *((n, m, True) for n, m in match.without_headers.items())]
    out.dynamic_metadata.extend(claim_matcher(p, m, invert=absent) for n, m, absent in named if (p := claim_path(n)))
    headers = [_header(n, m, absent=absent) for n, m, absent in named if not claim_path(n)]
    out.headers.extend(sorted(headers, key=lambda h: h.name))
    out.headers.extend(_pseudo_headers(match))
    out.query_parameters.extend(_query_parameter(n, m) for n, m in sorted(match.query_params.items()))
    return out


def is_catch_all(match: route_pb.RouteMatch) -> bool:
    """Whether every request matches, so that no later route can."""
    anything = match.prefix == "/" or match.path_separated_prefix == "/" or match.safe_regex.regex == ".*"
    return anything and not (match.headers or match.query_parameters or match.dynamic_metadata)


def _path(uri: StringMatch | None) -> route_pb.RouteMatch:
    """A prefix is a prefix of the text: `/foo` matches `/foobar` too."""
    if uri is None:
        return route_pb.RouteMatch(prefix="/")
    if uri.exact is not None:
        return route_pb.RouteMatch(path=uri.exact)
    if uri.regex is not None:
        return route_pb.RouteMatch(safe_regex=regex(uri.regex))
    return route_pb.RouteMatch(prefix="/" if uri.prefix is None else uri.prefix)


def _pseudo_headers(match: HTTPMatchRequest) -> Iterable[route_pb.HeaderMatcher]:
    for name, wanted in ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme)):
        if wanted is not None:
            yield _header(name, wanted)


def _header(name: str, wanted: StringMatch, *, absent: bool = False) -> route_pb.HeaderMatcher:
    """`absent` turns the match around; then a header that isn't there doesn't match, so the request does."""
    if is_presence(wanted):
        return route_pb.HeaderMatcher(name=name, present_match=True, invert_match=absent)
    return route_pb.HeaderMatcher(name=name, string_match=string_matcher(wanted), invert_match=absent, treat_missing_header_as_empty=absent)


def _query_parameter(name: str, wanted: StringMatch) -> route_pb.QueryParameterMatcher:
    if is_presence(wanted):
        return route_pb.QueryParameterMatcher(name=name, present_match=True)
    return route_pb.QueryParameterMatcher(name=name, string_match=string_matcher(wanted))
