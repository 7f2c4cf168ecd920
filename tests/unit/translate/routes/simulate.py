"""What Envoy does with one request, read off a RouteConfiguration: which virtual host, which route, and what becomes of the request.

Pure and small; the order of Envoy's rules is kept: exact domain, longest `*.suffix`, longest `prefix.*`, `*`; then the first route that matches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import re2
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.config.route.v3 import route_pb2
from envoy.type.matcher.v3 import metadata_pb2, string_pb2, value_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    authority: str
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "http"
    metadata: Mapping[str, object] = field(default_factory=dict)
    """Dynamic metadata by filter, as nested mappings."""

    @property
    def all_headers(self) -> dict[str, str]:
        pseudo = {":authority": self.authority, ":path": self.path, ":method": self.method, ":scheme": self.scheme}
        return {**{k.lower(): v for k, v in self.headers.items()}, **pseudo}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`clusters` have shares of the requests that add up to 100; without clusters `status` is what the proxy answers itself."""

    virtual_host: str = ""
    route: route_pb.Route | None = None
    clusters: Mapping[str, float] = field(default_factory=dict)
    status: int = 0
    location: str = ""
    path: str = ""
    authority: str = ""


def simulate(config: route_pb2.RouteConfiguration, request: Request) -> Outcome:
    host = find_virtual_host(config, request.authority)
    if host is None:
        return Outcome(status=404)
    if host.require_tls == route_pb.VirtualHost.ALL and request.scheme != "https":
        return Outcome(virtual_host=host.name, status=301, location=f"https://{_without_port(request.authority)}{request.path}")
    route = next((r for r in host.routes if matches(r.match, request)), None)
    if route is None:
        return Outcome(virtual_host=host.name, status=404)
    match route.WhichOneof("action"):
        case "redirect":
            return _redirected(host, route, request)
        case "direct_response":
            return Outcome(virtual_host=host.name, route=route, status=route.direct_response.status)
        case _:
            return _forwarded(host, route, request)


def find_virtual_host(config: route_pb2.RouteConfiguration, authority: str) -> route_pb.VirtualHost | None:
    name = authority.lower()
    if config.ignore_port_in_host_matching:
        name = _without_port(name)
    by_domain = {d.lower(): vh for vh in config.virtual_hosts for d in vh.domains}
    if name in by_domain:
        return by_domain[name]
    suffixes = [d for d in by_domain if d.startswith("*") and d != "*" and name.endswith(d[1:]) and len(name) > len(d) - 1]
    prefixes = [d for d in by_domain if d.endswith("*") and d != "*" and name.startswith(d[:-1]) and len(name) > len(d) - 1]
    for found in (suffixes, prefixes):
        if found:
            return by_domain[max(found, key=len)]
    return by_domain.get("*")


def matches(match: route_pb.RouteMatch, request: Request) -> bool:
    path, _, query = request.path.partition("?")
    arguments = dict(parse_qsl(query, keep_blank_values=True))
    return (
        _path_matches(match, path)
        and all(_header_matches(h, request.all_headers) for h in match.headers)
        and all(_query_matches(q, arguments) for q in match.query_parameters)
        and all(_metadata_matches(m, request.metadata) for m in match.dynamic_metadata)
    )


def _path_matches(match: route_pb.RouteMatch, path: str) -> bool:
    sensitive = match.case_sensitive.value if match.HasField("case_sensitive") else True
    fold = (lambda s: s) if sensitive else str.lower
    match match.WhichOneof("path_specifier"):
        case "prefix":
            return fold(path).startswith(fold(match.prefix))
        case "path":
            return fold(path) == fold(match.path)
        case "path_separated_prefix":
            prefix = fold(match.path_separated_prefix)
            return fold(path) == prefix or fold(path).startswith(prefix + "/")
        case "safe_regex":
            return re2.fullmatch(match.safe_regex.regex, path) is not None
        case other:
            raise AssertionError(other)


def _string_matches(match: string_pb2.StringMatcher, value: str) -> bool:
    match match.WhichOneof("match_pattern"):
        case "exact":
            return value == match.exact
        case "prefix":
            return value.startswith(match.prefix)
        case "safe_regex":
            return re2.fullmatch(match.safe_regex.regex, value) is not None
        case other:
            raise AssertionError(other)


def _header_matches(match: route_pb.HeaderMatcher, headers: Mapping[str, str]) -> bool:
    value = headers.get(match.name.lower())
    if match.WhichOneof("header_match_specifier") == "present_match":
        return (value is not None) != match.invert_match
    if value is None:
        if not match.treat_missing_header_as_empty:
            return False
        value = ""
    return _string_matches(match.string_match, value) != match.invert_match


def _query_matches(match: route_pb.QueryParameterMatcher, arguments: Mapping[str, str]) -> bool:
    value = arguments.get(match.name)
    if value is None:
        return False
    return match.WhichOneof("query_parameter_match_specifier") == "present_match" or _string_matches(match.string_match, value)


def _metadata_matches(match: metadata_pb2.MetadataMatcher, metadata: Mapping[str, object]) -> bool:
    value: object = metadata.get(match.filter)
    for segment in match.path:
        value = value.get(segment.key) if isinstance(value, Mapping) else None
    return _value_matches(match.value, value) != match.invert


def _value_matches(match: value_pb2.ValueMatcher, value: object) -> bool:
    match match.WhichOneof("match_pattern"):
        case "present_match":
            return value is not None
        case "string_match":
            return isinstance(value, str) and _string_matches(match.string_match, value)
        case "list_match":
            return isinstance(value, list) and any(_value_matches(match.list_match.one_of, v) for v in value)
        case "or_match":
            return any(_value_matches(m, value) for m in match.or_match.value_matchers)
        case other:
            raise AssertionError(other)


def _forwarded(host: route_pb.VirtualHost, route: route_pb.Route, request: Request) -> Outcome:
    action = route.route
    if action.WhichOneof("cluster_specifier") == "cluster":
        shares = {action.cluster: 100.0}
    else:
        total = sum(c.weight.value for c in action.weighted_clusters.clusters)
        shares = {c.name: 100 * c.weight.value / total for c in action.weighted_clusters.clusters}
    return Outcome(
        virtual_host=host.name,
        route=route,
        clusters=shares,
        path=_rewritten(route.match, action, request.path),
        authority=action.host_rewrite_literal or request.authority,
    )


def _rewritten(match: route_pb.RouteMatch, action: route_pb.RouteAction, full: str) -> str:
    path, mark, query = full.partition("?")
    if action.HasField("regex_rewrite"):
        path = re2.sub(action.regex_rewrite.pattern.regex, action.regex_rewrite.substitution, path)
    elif action.prefix_rewrite:
        path = action.prefix_rewrite + path[len(_matched(match, path)) :]
    return path + mark + query


def _matched(match: route_pb.RouteMatch, path: str) -> str:
    """What of the path the route's match consumed: exact and regular expressions take all of it."""
    return match.prefix if match.WhichOneof("path_specifier") == "prefix" else path


_REDIRECT_CODES = (301, 302, 303, 307, 308)


def _redirected(host: route_pb.VirtualHost, route: route_pb.Route, request: Request) -> Outcome:
    action = route.redirect
    path, mark, query = request.path.partition("?")
    if action.path_redirect:
        path = action.path_redirect
    elif action.prefix_rewrite:
        path = action.prefix_rewrite + path[len(_matched(route.match, path)) :]
    scheme = action.scheme_redirect or request.scheme
    authority = action.host_redirect or request.authority
    if action.port_redirect:
        authority = f"{_without_port(authority)}:{action.port_redirect}"
    location = f"{scheme}://{authority}{path}{mark}{query}"
    return Outcome(virtual_host=host.name, route=route, status=_REDIRECT_CODES[action.response_code], location=location)


def _without_port(authority: str) -> str:
    head, colon, port = authority.rpartition(":")
    return head if colon and port.isdigit() and (not head.count(":") or head.endswith("]")) else authority
