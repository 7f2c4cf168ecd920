"""Values of a policy: `exact`, `prefix*`, `*suffix`, and `*` for anything that is there.

Whatever else a value holds is text: no character of it ever becomes part of a pattern.
"""

import ipaddress
import re
from enum import Enum
from typing import NamedTuple

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from ostria.translate.filters.proto import number


class Unusable(ValueError):
    """A condition that can't be evaluated here: an HTTP field on a TCP port, or a value that means nothing."""


class Kind(Enum):
    EXACT = 1
    PREFIX = 2
    SUFFIX = 3
    PRESENT = 4


class Value(NamedTuple):
    kind: Kind
    text: str

    @property
    def pattern(self) -> str:
        """As a regular expression for a whole value; `(?s)`, so that a line break hides nothing."""
        match self.kind:
            case Kind.EXACT:
                return re.escape(self.text)
            case Kind.PREFIX:
                return f"(?s){re.escape(self.text)}.*"
            case Kind.SUFFIX:
                return f"(?s).*{re.escape(self.text)}"
            case Kind.PRESENT:
                return "(?s).+"


def parse(value: str) -> Value:
    if value == "*":
        return Value(Kind.PRESENT, "")
    if value.startswith("*"):
        return Value(Kind.SUFFIX, value[1:])
    if value.endswith("*"):
        return Value(Kind.PREFIX, value[:-1])
    return Value(Kind.EXACT, value)


def regex(pattern: str) -> StringMatcher:
    return StringMatcher(safe_regex=RegexMatcher(regex=pattern))


def string(value: str | Value, *, ignore_case: bool = False) -> StringMatcher:
    kind, text = value if isinstance(value, Value) else parse(value)
    match kind:
        case Kind.EXACT:
            return StringMatcher(exact=text, ignore_case=ignore_case)
        case Kind.PREFIX:
            return StringMatcher(prefix=text, ignore_case=ignore_case)
        case Kind.SUFFIX:
            return StringMatcher(suffix=text, ignore_case=ignore_case)
        case Kind.PRESENT:
            return regex("(?s).+")


def header(name: str, value: str, *, ignore_case: bool = False) -> HeaderMatcher:
    if not name or any(c in name for c in "\0\r\n"):
        raise Unusable(f"{name!r} is not the name of a header")
    if value == "*":
        return HeaderMatcher(name=name, present_match=True)
    return HeaderMatcher(name=name, string_match=string(value, ignore_case=ignore_case))


def cidr(value: str) -> CidrRange:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise Unusable(f"{value!r} is neither an IP address nor a range")
    return CidrRange(address_prefix=str(network.network_address), prefix_len=number(network.prefixlen))


def port(value: str) -> int:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= 65535:
        return int(value)
    raise Unusable(f"{value!r} is not a port")


def bracketed(key: str, prefix: str) -> tuple[str, ...]:
    """The names in `prefix[a][b]`."""
    rest = key.removeprefix(prefix)
    if not re.fullmatch(r"(\[[^\[\]]+\])+", rest):
        raise Unusable(f"{key!r} must name something in brackets, as in {prefix}[name]")
    return tuple(rest[1:-1].split("]["))
