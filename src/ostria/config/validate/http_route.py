"""HTTP routes of a VirtualService."""

from collections.abc import Iterator

from ostria.api.networking.virtual_service import (
    CorsPolicy,
    HTTPDirectResponse,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
    HTTPRoute,
    Percent,
)
from ostria.api.problem import Issue
from ostria.config.validate.destinations import destination_issues, weight_issues
from ostria.config.validate.faults import fault_issues
from ostria.config.validate.headers import authorities, headers_issues
from ostria.config.validate.http_match import delegation_issues, http_match_issues, string_match_issues
from ostria.config.validate.names import duration_issues, is_header, is_label, port_issues, regex_issues, under, warning

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"))
_RETRY_ON = frozenset(
    [
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "envoy-ratelimited",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    ]
)
_BODY_LIMIT, _BODY_WARNING = 1024 * 1024, 100 * 1024


def http_route_issues(route: HTTPRoute, *, is_delegate: bool) -> Iterator[Issue]:
    yield from _one_action(route, is_delegate)
    for index, match in enumerate(route.match):
        yield from under(("match", index), http_match_issues(match))
        if is_delegate or route.delegate is not None:
            yield from under(("match", index), delegation_issues(match))
    yield from under(("headers",), headers_issues(route.headers))
    yield from under(("corsPolicy",), _cors(route.cors_policy))
    yield from under(("fault",), fault_issues(route.fault))
    yield from _mirrors(route)
    yield from under(("redirect",), _redirect(route.redirect))
    yield from under(("directResponse",), _direct_response(route.direct_response))
    yield from under(("retries",), _retries(route.retries))
    yield from under(("rewrite",), _rewrite(route.rewrite))
    if authorities(route.headers) + bool(route.rewrite and route.rewrite.authority) > 1:
        yield Issue(("rewrite", "authority"), "the request's host is set in more than one place", "keep rewrite: {authority: …} only")
    for index, destination in enumerate(route.route):
        yield from under(("route", index, "destination"), destination_issues(destination.destination))
        yield from under(("route", index, "headers"), headers_issues(destination.headers))
    yield from weight_issues(route.route)
    yield from duration_issues(route.timeout, ("timeout",))


def _one_action(route: HTTPRoute, is_delegate: bool) -> Iterator[Issue]:
    actions = {"route": route.route, "redirect": route.redirect, "directResponse": route.direct_response, "delegate": route.delegate}
    given = [name for name, value in actions.items() if value]
    if len(given) > 1:
        yield Issue((given[1],), f"a route has only one of {', '.join(actions)}; this one has {' and '.join(given)}")
    if not given:
        yield Issue((), "the route leads nowhere", f"add one of {', '.join(actions)}")
    if route.delegate is not None:
        if is_delegate:
            yield Issue(("delegate",), "a route that is delegated to can't delegate again")
        for name, value in (("name", route.delegate.name), ("namespace", route.delegate.namespace)):
            if value and not all(is_label(part) for part in value.split(".")):
                yield Issue(("delegate", name), f"{value!r} is not a {name}")
    for action in ("redirect", "directResponse"):
        for name, extra in (("fault", route.fault), ("rewrite", route.rewrite)):
            if actions[action] and extra is not None and not (action == "directResponse" and name == "fault"):
                yield Issue((name,), f"{name} and {action} exclude each other: nothing is forwarded")


def _mirrors(route: HTTPRoute) -> Iterator[Issue]:
    if route.mirror is not None and route.mirrors:
        yield Issue(("mirror",), "mirror and mirrors exclude each other", "add the mirror to mirrors")
    if route.mirror_percent is not None:
        yield warning(("mirrorPercent",), "mirrorPercent is deprecated", "write mirrorPercentage: {value: …}")
        if route.mirror_percent > 100:
            yield Issue(("mirrorPercent",), f"{route.mirror_percent} is not a percentage")
    yield from _percentage(route.mirror_percentage, "mirrorPercentage")
    yield from under(("mirror",), destination_issues(route.mirror))
    for index, mirror in enumerate(route.mirrors):
        yield from under(("mirrors", index, "destination"), destination_issues(mirror.destination))
        yield from under(("mirrors", index), _percentage(mirror.percentage, "percentage"))


def _percentage(percent: Percent | None, field: str) -> Iterator[Issue]:
    if percent is not None and not 0 <= (percent.value or 0) <= 100:
        yield Issue((field, "value"), f"{percent.value} is not a percentage", "write a number from 0 to 100")


def _redirect(redirect: HTTPRedirect | None) -> Iterator[Issue]:
    if redirect is None:
        return
    if not any((redirect.uri, redirect.prefix_rewrite, redirect.authority, redirect.port, redirect.derive_port, redirect.scheme)):
        yield Issue((), "the redirect leads to the same place", "set uri, authority, scheme or port")
    if redirect.uri and redirect.prefix_rewrite:
        yield Issue(("prefixRewrite",), "uri and prefixRewrite exclude each other")
    if redirect.port is not None and redirect.derive_port is not None:
        yield Issue(("derivePort",), "port and derivePort exclude each other")
    if redirect.redirect_code and redirect.redirect_code not in (301, 302, 303, 307, 308):
        yield Issue(("redirectCode",), f"{redirect.redirect_code} is not a redirect", "write 301, 302, 303, 307 or 308")
    if redirect.scheme not in (None, "", "http", "https"):
        yield Issue(("scheme",), f"{redirect.scheme!r} is not a scheme", "write http or https")
    if redirect.port:
        yield from port_issues(redirect.port, ("port",))


def _direct_response(response: HTTPDirectResponse | None) -> Iterator[Issue]:
    if response is None:
        return
    if not 200 <= response.status <= 599:
        yield Issue(("status",), f"{response.status} is not a status", "write a number from 200 to 599")
    if response.body is not None:
        if response.body.string is not None and response.body.bytes is not None:
            yield Issue(("body", "bytes"), "string and bytes exclude each other")
        size = len(response.body.string or response.body.bytes or "")
        if size > _BODY_LIMIT:
            yield Issue(("body",), "the body is larger than 1 MiB")
        elif size > _BODY_WARNING:
            yield warning(("body",), "a body this large is sent to every proxy")


def _retries(retries: HTTPRetry | None) -> Iterator[Issue]:
    if retries is None:
        return
    attempts = retries.attempts or 0
    if attempts < 0:
        yield Issue(("attempts",), f"{attempts} is negative")
    if attempts == 0 and (retries.per_try_timeout or retries.retry_on or retries.retry_remote_localities is not None):
        yield Issue((), "retries are off (attempts is 0), and yet described", "set attempts, or remove the other fields")
    yield from duration_issues(retries.per_try_timeout, ("perTryTimeout",))
    yield from duration_issues(retries.backoff, ("backoff",))
    for policy in (retries.retry_on or "").split(",") if retries.retry_on else ():
        if policy not in _RETRY_ON and not (policy.isdigit() and 100 <= int(policy) <= 599):
            yield Issue(("retryOn",), f"{policy!r} is no reason to retry", f"write statuses, or some of {', '.join(sorted(_RETRY_ON))}")


def _rewrite(rewrite: HTTPRewrite | None) -> Iterator[Issue]:
    if rewrite is None:
        return
    if rewrite.uri and rewrite.uri_regex_rewrite is not None:
        yield Issue(("uriRegexRewrite",), "uri and uriRegexRewrite exclude each other")
    if not rewrite.uri and rewrite.uri_regex_rewrite is None and not rewrite.authority:
        yield Issue((), "the rewrite changes nothing", "set uri, uriRegexRewrite or authority")
    if (regex := rewrite.uri_regex_rewrite) is not None:
        if not regex.match or not regex.rewrite:
            yield Issue(("uriRegexRewrite",), "match and rewrite are both needed")
        if regex.match:
            yield from regex_issues(regex.match, ("uriRegexRewrite", "match"))


def _cors(policy: CorsPolicy | None) -> Iterator[Issue]:
    if policy is None:
        return
    for index, origin in enumerate(policy.allow_origins):
        if not (origin.exact or origin.prefix or origin.regex):
            yield Issue(("allowOrigins", index), "the origin is empty", 'write exact: "*" for all')
        yield from under(("allowOrigins", index), string_match_issues(origin))
    for index, method in enumerate(policy.allow_methods):
        if method not in _METHODS:
            yield Issue(("allowMethods", index), f"{method!r} is not an HTTP method")
    for field, names in (("allowHeaders", policy.allow_headers), ("exposeHeaders", policy.expose_headers)):
        for index, name in enumerate(names):
            if name != "*" and not is_header(name):
                yield Issue((field, index), f"{name!r} is not a header name")
    yield from duration_issues(policy.max_age, ("maxAge",))
    if policy.max_age is not None and policy.max_age.nanos % 1_000_000_000:
        yield Issue(("maxAge",), f"{policy.max_age} is not a whole number of seconds")
