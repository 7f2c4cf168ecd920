"""Rules for RequestAuthentication."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostria.api.problem import Issue
from ostria.api.security.request_authentication import JWTRule, RequestAuthentication
from ostria.config.validate.names import duration_issues, is_header, under, warning
from ostria.config.validate.selectors import match_labels_issues, one_target_issues


def request_authentication_issues(policy: RequestAuthentication) -> Iterator[Issue]:
    spec = policy.spec
    yield from one_target_issues(spec.selector, spec.target_ref, spec.target_refs)
    yield from match_labels_issues(spec.selector)
    for index, rule in enumerate(spec.jwt_rules):
        yield from under(("spec", "jwtRules", index), _rule(rule))


def _rule(rule: JWTRule) -> Iterator[Issue]:
    if not rule.issuer:
        yield Issue(("issuer",), "the issuer is missing", "write what the token has in iss")
    yield from _keys(rule)
    for name, values in (("audiences", rule.audiences), ("fromParams", rule.from_params), ("fromCookies", rule.from_cookies)):
        for index, value in enumerate(values):
            if not value:
                yield Issue((name, index), "the name is empty")
    for index, header in enumerate(rule.from_headers):
        if not is_header(header.name):
            yield Issue(("fromHeaders", index, "name"), f"{header.name!r} is not a header name")
    for index, output in enumerate(rule.output_claim_to_headers):
        if not output.claim:
            yield Issue(("outputClaimToHeaders", index, "claim"), "the claim is empty")
        if not is_header(output.header):
            yield Issue(("outputClaimToHeaders", index, "header"), f"{output.header!r} is not a header name")
    if rule.output_payload_to_header and not is_header(rule.output_payload_to_header):
        yield Issue(("outputPayloadToHeader",), f"{rule.output_payload_to_header!r} is not a header name")
    yield from duration_issues(rule.timeout, ("timeout",))


def _keys(rule: JWTRule) -> Iterator[Issue]:
    if not rule.jwks and not rule.jwks_uri:
        yield warning(
            ("jwks",), "the issuer's keys are not discovered: without them all of its tokens are refused", "write jwks or jwksUri"
        )
    if rule.jwks and rule.jwks_uri:
        yield Issue(("jwksUri",), "jwks and jwksUri exclude each other")
    if rule.jwks_uri:
        parts = urlsplit(rule.jwks_uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield Issue(("jwksUri",), f"{rule.jwks_uri!r} is not an address of keys", "write http://… or https://…")
    if rule.jwks and not _is_key_set(rule.jwks):
        yield Issue(("jwks",), "this is not a JSON Web Key Set", 'write {"keys": [{"kty": …}]}')


def _is_key_set(text: str) -> bool:
    try:
        data: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    keys = data.get("keys", [data]) if isinstance(data, dict) else None
    return isinstance(keys, list) and all(isinstance(key, dict) and isinstance(key.get("kty"), str) for key in keys)
