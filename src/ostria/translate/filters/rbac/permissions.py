"""What is asked for: host, method, path, port, destination, server name."""

import re
from collections.abc import Sequence

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.rbac.v3.rbac_pb2 import Permission
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import UriTemplateMatchConfig
from envoy.type.matcher.v3.path_pb2 import PathMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher

from ostria.translate.filters.proto import pack
from ostria.translate.filters.rbac import claims
from ostria.translate.filters.rbac.values import Kind, Unusable, bracketed, cidr, header, parse, port, regex, string

_EXPERIMENTAL = "experimental."
_LITERAL = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+")


def any_of(found: Sequence[Permission]) -> Permission:
    return found[0] if len(found) == 1 else Permission(or_rules=Permission.Set(rules=found))


def all_of(found: Sequence[Permission]) -> Permission:
    if not found:
        return Permission(any=True)
    return found[0] if len(found) == 1 else Permission(and_rules=Permission.Set(rules=found))


def none_of(found: Sequence[Permission]) -> Permission:
    return Permission(not_rule=any_of(found))


NOTHING = Permission(not_rule=Permission(any=True))


def host(value: str, *, any_port: bool) -> Permission:
    """Hosts compare without case. `any_port`: `example.com` also means `example.com:8080`, which names the same host.

    Istio compares the header as it stands. A rule that restricts must not be escaped by adding a port, so there the port is left open; a rule that
    allows compares as Istio does.
    """
    parsed = parse(value)
    if any_port and parsed.kind in (Kind.EXACT, Kind.SUFFIX) and not re.search(r":\d+$", value):
        pattern = f"(?i){parsed.pattern}(:[0-9]*)?"
        return Permission(header=HeaderMatcher(name=":authority", string_match=regex(pattern)))
    return Permission(header=header(":authority", value, ignore_case=True))


def method(value: str) -> Permission:
    return Permission(header=header(":method", value))


def path(value: str) -> Permission:
    """The path without query and fragment, normalized as the mesh is configured; `{*}` and `{**}` make it a template."""
    if "{*}" in value or "{**}" in value:
        return Permission(uri_template=_template(value))
    return Permission(url_path=PathMatcher(path=string(value)))


def _template(value: str) -> TypedExtensionConfig:
    """`{*}` is one whole segment, `{**}` any number of them and the last operator. Envoy refuses the whole listener for any other, and ends (1.40) for an
    empty segment."""
    segments = value.replace("{*}", "*").replace("{**}", "**").split("/")[1:]
    operators_end = "**" in segments and segments[segments.index("**") + 1 :].count("*") + segments.count("**") > 1
    inner = segments[:-1] if segments and not segments[-1] else segments
    if not value.startswith("/") or operators_end or not all(s in ("*", "**") or _LITERAL.fullmatch(s) for s in inner):
        raise Unusable(f"{value!r} is not a path template")
    config = UriTemplateMatchConfig(path_template="/" + "/".join(segments))
    return TypedExtensionConfig(name="envoy.path.match.uri_template.uri_template_matcher", typed_config=pack(config))


def destination_port(value: str) -> Permission:
    return Permission(destination_port=port(value))


def destination_ip(value: str) -> Permission:
    return Permission(destination_ip=cidr(value))


def server_name(value: str) -> Permission:
    return Permission(requested_server_name=string(value))


def filter_metadata(key: str, value: str) -> Permission:
    """`experimental.envoy.filters.NAME[KEY]`; a value in brackets is looked for in a list."""
    name, bracket, rest = key.removeprefix(_EXPERIMENTAL).partition("[")
    (field,) = bracketed(f"[{rest}", "") if bracket else ("",)
    if not field:
        raise Unusable(f"{key!r} must name a key in brackets")
    inside = value.startswith("[") and value.endswith("]")
    one = ValueMatcher(string_match=string(value[1:-1] if inside else value))
    return Permission(sourced_metadata=claims.metadata(name, (field,), claims.in_list(one) if inside else one))
