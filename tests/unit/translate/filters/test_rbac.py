"""Values of policies, by property: what a value means is decided here once more, simply, and compared."""

import json
import re

import pytest
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from ostria.translate.filters.jwks import has_usable_key
from ostria.translate.filters.rbac import permissions, principals
from ostria.translate.filters.rbac.claims import _joints
from ostria.translate.filters.rbac.values import Kind, Unusable, Value, cidr, parse, port, string

RSA = RSAKey.generate_key(2048).as_dict(private=False)
EC = ECKey.generate_key("P-256").as_dict(private=False)
TEXT = st.text(alphabet="ab/.*+-", max_size=6)


def means(value: str, text: str) -> bool:
    """What Istio's four forms mean."""
    if value == "*":
        return text != ""
    if value.startswith("*"):
        return text.endswith(value[1:])
    if value.endswith("*"):
        return text.startswith(value[:-1])
    return text == value


def matches(matcher: StringMatcher, text: str) -> bool:
    match matcher.WhichOneof("match_pattern"):
        case "exact":
            return text == matcher.exact
        case "prefix":
            return text.startswith(matcher.prefix)
        case "suffix":
            return text.endswith(matcher.suffix)
        case "safe_regex":
            return re.fullmatch(matcher.safe_regex.regex, text) is not None
        case other:
            raise AssertionError(other)


@given(TEXT, TEXT)
def test_a_value_matches_what_it_means(value: str, text: str) -> None:
    assert matches(string(value), text) == means(value, text)


@given(TEXT, TEXT)
def test_a_values_pattern_matches_the_same(value: str, text: str) -> None:
    assert (re.fullmatch(parse(value).pattern, text) is not None) == means(value, text)


def holds(value: Value, text: str) -> bool:
    return text != "" if value.kind is Kind.PRESENT else matches(string(value), text)


@given(TEXT, st.text(alphabet="ab/.", min_size=1, max_size=4), st.text(alphabet="ab/.", min_size=1, max_size=4))
def test_issuer_and_subject_are_compared_as_one_text(value: str, issuer: str, subject: str) -> None:
    joined = any(holds(i, issuer) and holds(s, subject) for i, s in _joints(parse(value)))
    assert joined == means(value, f"{issuer}/{subject}")


@given(TEXT, st.text(alphabet="ab.-", min_size=1, max_size=5))
def test_a_namespace_stays_between_its_slashes(value: str, name: str) -> None:
    pattern = principals.namespace(value).authenticated.principal_name
    assert matches(pattern, f"spiffe://td/ns/{name}/sa/x") == means(value, name)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("cluster.local/ns/a/sa/b", ["new/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("old/ns/a/sa/b", ["new/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("other/ns/a/sa/b", ["other/ns/a/sa/b"]),
        ("*/ns/a/sa/b", ["*/ns/a/sa/b"]),
        ("*ew/ns/a/sa/b", ["*ew/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("*", ["*"]),
    ],
)
def test_a_renamed_trust_domain_keeps_its_policies(value: str, names: list[str]) -> None:
    assert list(principals.in_trust_domains(value, ("new", "old"))) == names


@pytest.mark.parametrize("value", ["", "0", "65536", "80a", "-1", "٣"])
def test_a_port_that_is_none(value: str) -> None:
    with pytest.raises(Unusable):
        port(value)


@pytest.mark.parametrize("value", ["", "10.0.0.0/33", "example.com", "10.0.0"])
def test_an_address_that_is_none(value: str) -> None:
    with pytest.raises(Unusable):
        cidr(value)


@pytest.mark.parametrize("value", ["/a{*}", "/{**}/a/{**}", "/{**}/{*}", "a/{*}", "/{*}/b c", "//{*}", "/{*}//a"])
def test_a_template_that_envoy_would_refuse(value: str) -> None:
    with pytest.raises(Unusable):
        permissions.path(value)


@given(st.text(max_size=40) | st.builds(lambda k: f'{{"keys": [{k}]}}', st.text(max_size=20)))
def test_whatever_a_key_set_holds_it_is_only_looked_at(text: str) -> None:
    assert has_usable_key(text) in (True, False)


@pytest.mark.parametrize(
    ("key", "usable"),
    [
        ('{"kty": "oct", "k": "aGVsbG8"}', True),
        (json.dumps(RSA), True),
        (json.dumps(RSA | {"alg": "RS256"}), True),
        (json.dumps(RSA | {"alg": "HS256"}), False),
        (json.dumps(EC), True),
        (json.dumps(EC | {"alg": "ES512"}), False),
        (json.dumps(EC | {"y": EC["x"]}), False),
        ('{"kty": "RSA", "n": "AQAB", "e": "AQAB"}', False),
        ('{"kty": "RSA", "n": "AQAB"}', False),
        ('{"kty": "EC", "crv": "P-1", "x": "AQAB", "y": "AQAB"}', False),
        ('{"kty": "RSA", "n": "§", "e": "AQAB"}', False),
        ('{"kty": ["RSA"]}', False),
        ("7", False),
    ],
)
def test_keys(key: str, usable: bool) -> None:
    assert has_usable_key(f'{{"keys": [{key}]}}') is usable
