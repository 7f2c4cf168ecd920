"""Conditions of HTTP routes."""

from collections.abc import Iterator

from ostria.api.networking.virtual_service import HTTPMatchRequest, StringMatch
from ostria.api.problem import Issue
from ostria.config.validate.headers import match_name_issues
from ostria.config.validate.hosts import gateway_name_issues
from ostria.config.validate.names import is_label, label_issues, port_issues, regex_issues, under


def string_match_issues(match: StringMatch | None) -> Iterator[Issue]:
    """Exactly one of exact, prefix and regex; none of them asks only for presence, where that means something."""
    if match is None:
        return
    given = [name for name in ("exact", "prefix", "regex") if getattr(match, name) is not None]
    if len(given) > 1:
        yield Issue((given[1],), f"only one of {' and '.join(given)} may be set")
    elif given == ["prefix"] and not match.prefix:
        yield Issue(("prefix",), "the prefix is empty", "leave the match out to match everything")
    if match.regex is not None:
        yield from regex_issues(match.regex, ("regex",))


def http_match_issues(match: HTTPMatchRequest) -> Iterator[Issue]:
    for name in ("uri", "scheme", "method", "authority"):
        condition: StringMatch | None = getattr(match, name)
        if condition is not None and condition == StringMatch():
            yield Issue((name,), "the condition is empty", "set exact, prefix or regex")
        yield from under((name,), string_match_issues(condition))
    for field, conditions in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
        for header, condition in conditions.items():
            yield from under((field, header), match_name_issues(header))
            yield from under((field, header), string_match_issues(condition))
    for parameter, condition in match.query_params.items():
        if not parameter:
            yield Issue(("queryParams",), "the parameter's name is empty")
        yield from under(("queryParams", parameter), string_match_issues(condition))
    if match.port:
        yield from port_issues(match.port, ("port",))
    yield from label_issues(match.source_labels, ("sourceLabels",))
    if match.source_namespace and not is_label(match.source_namespace):
        yield Issue(("sourceNamespace",), f"{match.source_namespace!r} is not a namespace")
    for index, gateway in enumerate(match.gateways):
        yield from gateway_name_issues(gateway, ("gateways", index))


def delegation_issues(match: HTTPMatchRequest) -> Iterator[Issue]:
    """Matches of a route and of the one that it delegates to are joined, which regular expressions can't be."""
    conditions = (
        *(((name,), getattr(match, name)) for name in ("uri", "scheme", "method", "authority")),
        *((("headers", name), c) for name, c in match.headers.items()),
        *((("withoutHeaders", name), c) for name, c in match.without_headers.items()),
        *((("queryParams", name), c) for name, c in match.query_params.items()),
    )
    for path, condition in conditions:
        if condition is not None and condition.regex is not None:
            yield Issue((*path, "regex"), "a regular expression can't stand where routes are delegated", "write exact or prefix")
