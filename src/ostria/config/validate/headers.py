"""Header names and values that routes match, add, set and remove."""

from collections.abc import Iterator

from ostria.api.networking.virtual_service import HeaderOperations, Headers
from ostria.api.problem import Issue
from ostria.config.validate.names import is_header, under

_CLAIM = "@request.auth.claims"


def is_claim(name: str) -> bool:
    """A claim of the caller's token, matched as if it were a header: `@request.auth.claims.group`."""
    return name.lower().startswith((_CLAIM + ".", _CLAIM + "["))


def match_name_issues(name: str) -> Iterator[Issue]:
    if not is_header(name) and not is_claim(name):
        yield Issue((), f"{name!r} is not a header name", "letters, digits, dashes and underscores")


def headers_issues(headers: Headers | None) -> Iterator[Issue]:
    if headers is None:
        return
    yield from under(("request",), _operations(headers.request, authority=True))
    yield from under(("response",), _operations(headers.response, authority=False))


def authorities(headers: Headers | None) -> int:
    """How many operations set the request's host."""
    request = headers.request if headers is not None else None
    return 0 if request is None else sum(_is_authority(name) for name in (*request.set, *request.add))


def _operations(operations: HeaderOperations | None, *, authority: bool) -> Iterator[Issue]:
    if operations is None:
        return
    for verb, headers in (("add", operations.add), ("set", operations.set)):
        for name, value in headers.items():
            if not (authority and _is_authority(name)):
                yield from under((verb, name), _changeable(name))
            yield from under((verb, name), _value(value))
    for index, name in enumerate(operations.remove):
        yield from under(("remove", index), _changeable(name))


def _is_authority(name: str) -> bool:
    return name.lower() in (":authority", "host")


def _changeable(name: str) -> Iterator[Issue]:
    if not name:
        yield Issue((), "the header name is empty")
    elif name.startswith(":") or name.lower() == "host":
        yield Issue((), f"the header {name!r} can't be changed here", "rewrite: {authority: …} sets the request's host")


def _value(value: str) -> Iterator[Issue]:
    if any((c < " " and c != "\t") or c == "\x7f" for c in value):
        yield Issue((), "a header value has no control characters")
    elif not _percent_signs_match(value):
        yield Issue((), f"{value!r} has a % that begins nothing", "write %% for a percent sign, %NAME% for a value that Envoy fills in")


def _percent_signs_match(value: str) -> bool:
    """Envoy fills in %NAME% and %NAME(argument)%; %% is a percent sign."""
    at = 0
    while (start := value.find("%", at)) >= 0:
        if value.startswith("%%", start):
            at = start + 2
            continue
        end = value.find("%", start + 1)
        opened = value.find("(", start + 1)
        if 0 <= opened < end:
            closed = value.find(")", opened)
            end = value.find("%", closed) if closed >= 0 else -1
        if end < 0 or not value[start + 1 : end][:1].isalpha():
            return False
        at = end + 1
    return True
