"""Routing by the claims of a verified token: header names that start with `@request.auth.claims` look at the JWT filter's metadata."""

import re

from envoy.type.matcher.v3 import metadata_pb2, value_pb2

from ostria.api.networking.virtual_service import StringMatch
from ostria.translate.routes.strings import is_presence, string_matcher

PREFIX = "@request.auth.claims"
JWT_FILTER = "envoy.filters.http.jwt_authn"
JWT_PAYLOAD = "payload"
"""Under this name the JWT filter must store the verified payload (`payload_in_metadata`)."""
_BRACKETS = re.compile(r"\[([^\[\]]+)\]")


def claim_path(header: str) -> tuple[str, ...]:
    """`@request.auth.claims[group][id]` or `@request.auth.claims.group.id` → (group, id); empty when the name is an ordinary header."""
    if not header.lower().startswith(PREFIX):
        return ()
    rest = header[len(PREFIX) :]
    if rest.startswith("["):
        names = _BRACKETS.findall(rest)
        return tuple(names) if "".join(f"[{n}]" for n in names) == rest else ()
    names = rest[1:].split(".") if rest.startswith(".") else []
    return tuple(names) if all(names) else ()


def claim_matcher(path: tuple[str, ...], match: StringMatch, *, invert: bool) -> metadata_pb2.MetadataMatcher:
    """A claim is a string, or a list of which one entry matches."""
    return metadata_pb2.MetadataMatcher(
        filter=JWT_FILTER,
        path=[metadata_pb2.MetadataMatcher.PathSegment(key=key) for key in (JWT_PAYLOAD, *path)],
        value=_value(match),
        invert=invert,
    )


def _value(match: StringMatch) -> value_pb2.ValueMatcher:
    if is_presence(match):
        return value_pb2.ValueMatcher(present_match=True)
    one = value_pb2.ValueMatcher(string_match=string_matcher(match))
    entry = value_pb2.ValueMatcher(list_match=value_pb2.ListMatcher(one_of=one))
    return value_pb2.ValueMatcher(or_match=value_pb2.OrMatcher(value_matchers=[one, entry]))
