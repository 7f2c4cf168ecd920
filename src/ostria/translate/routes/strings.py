"""StringMatch as Envoy's string matcher. Regular expressions are RE2 and must match the whole value, as Envoy does it."""

from envoy.type.matcher.v3 import regex_pb2, string_pb2

from ostria.api.networking.virtual_service import StringMatch


def is_presence(match: StringMatch) -> bool:
    """Nothing asked for, or everything: the value only has to be there. `*` is no RE2, but Istio has always taken it for "anything"."""
    if match.regex == "*" or match.prefix == "":
        return True
    return match.exact is None and match.prefix is None and match.regex is None


def regex(pattern: str) -> regex_pb2.RegexMatcher:
    return regex_pb2.RegexMatcher(regex=pattern)


def string_matcher(match: StringMatch) -> string_pb2.StringMatcher:
    if match.exact is not None:
        return string_pb2.StringMatcher(exact=match.exact)
    if match.prefix is not None:
        return string_pb2.StringMatcher(prefix=match.prefix)
    return string_pb2.StringMatcher(safe_regex=regex(match.regex or ".*"))
