"""RequestAuthentication: tokens are verified before any policy reads them.

A request without token passes (a policy may demand one), a request with an invalid token is answered 401. Where keys can't be had, tokens of that
issuer are invalid: nothing is ever verified against a made-up key.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from envoy.config.core.v3.backoff_pb2 import BackoffStrategy
from envoy.config.core.v3.base_pb2 import DataSource, RetryPolicy
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
    JwksAsyncFetch,
    JwtAuthentication,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    JwtRequirementAndList,
    JwtRequirementOrList,
    RemoteJwks,
    RequirementRule,
)
from google.protobuf.empty_pb2 import Empty

from ostria.api.security.request_authentication import JWTRule, RequestAuthenticationSpec
from ostria.translate.filters.jwks import has_usable_key
from ostria.translate.filters.proto import nanoseconds, number
from ostria.translate.filters.rbac.claims import JWT_FILTER, PAYLOAD
from ostria.translate.names import BLACK_HOLE_CLUSTER, outbound_cluster

__all__ = ["JWT_FILTER", "jwt_authn"]

REFRESH = 1_200_000_000_000
FETCH_TIMEOUT = 5_000_000_000
_LIST_CLAIMS = ("scope", "permission")
"""Claims that hold several values in one text, separated by spaces."""
_NO_KEYS_URI = "http://no-keys.invalid/"


def jwt_authn(rules: Sequence[JWTRule], *, clear_routes: bool) -> JwtAuthentication:
    """`clear_routes`: routes may depend on claims, so the route is chosen again once they are known."""
    providers = {f"origins-{i}": _provider(rule, clear_routes=clear_routes) for i, rule in enumerate(rules)}
    requires = _requirement([(name, rule.presence == "REQUIRED") for name, rule in zip(providers, rules, strict=True)])
    return JwtAuthentication(
        providers=providers, rules=[RequirementRule(match=RouteMatch(prefix="/"), requires=requires)], bypass_cors_preflight=True
    )


def _requirement(names: Sequence[tuple[str, bool]]) -> JwtRequirement:
    """Each place that holds a token must hold a valid one, or one provider accepts it: providers may read the same place."""
    each = [_optional(name, required=required) for name, required in names]
    if len(each) == 1:
        return each[0]
    any_provider = [JwtRequirement(provider_name=name) for name, _ in names]
    all_of_them = JwtRequirement(requires_all=JwtRequirementAndList(requirements=each))
    required_one = any(required for _, required in names)
    if required_one:
        return all_of_them
    return JwtRequirement(requires_any=JwtRequirementOrList(requirements=[*any_provider, all_of_them]))


def _optional(name: str, *, required: bool) -> JwtRequirement:
    provider = JwtRequirement(provider_name=name)
    if required:
        return provider
    return JwtRequirement(requires_any=JwtRequirementOrList(requirements=[provider, JwtRequirement(allow_missing=Empty())]))


def _provider(rule: JWTRule, *, clear_routes: bool) -> JwtProvider:
    provider = JwtProvider(
        issuer=rule.issuer or "",
        audiences=rule.audiences,
        forward=bool(rule.forward_original_token),
        from_headers=[JwtHeader(name=h.name, value_prefix=h.prefix or "") for h in rule.from_headers],
        from_params=rule.from_params,
        from_cookies=rule.from_cookies,
        forward_payload_header=rule.output_payload_to_header or "",
        payload_in_metadata=PAYLOAD,
        claim_to_headers=[JwtClaimToHeader(header_name=c.header, claim_name=c.claim) for c in rule.output_claim_to_headers],
        clear_route_cache=clear_routes,
    )
    lists = dict.fromkeys((*_LIST_CLAIMS, *rule.space_delimited_claims))
    provider.normalize_payload_in_metadata.space_delimited_claims.extend(lists)
    if rule.jwks and has_usable_key(rule.jwks):
        provider.local_jwks.CopyFrom(DataSource(inline_string=rule.jwks))
    else:
        provider.remote_jwks.CopyFrom((None if rule.jwks else _remote(rule)) or _no_keys())
    return provider


def _no_keys() -> RemoteJwks:
    """Keys that can't be had: the fetch fails at once, and with it every token."""
    source = HttpUri(uri=_NO_KEYS_URI, cluster=BLACK_HOLE_CLUSTER, timeout=nanoseconds(FETCH_TIMEOUT))
    return RemoteJwks(http_uri=source, cache_duration=nanoseconds(REFRESH))


def _remote(rule: JWTRule) -> RemoteJwks | None:
    """Envoy itself fetches the keys, from the cluster of the service that the URI names; None if it names none."""
    uri = rule.jwks_uri or ""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    timeout = rule.timeout.nanos if rule.timeout is not None else FETCH_TIMEOUT
    source = HttpUri(uri=uri, cluster=outbound_cluster(port, "", parts.hostname), timeout=nanoseconds(timeout))
    backoff = BackoffStrategy(base_interval=nanoseconds(1_000_000_000), max_interval=nanoseconds(10_000_000_000))
    return RemoteJwks(
        http_uri=source,
        cache_duration=nanoseconds(REFRESH),
        async_fetch=JwksAsyncFetch(fast_listener=True),
        retry_policy=RetryPolicy(num_retries=number(5), retry_back_off=backoff),
    )


def rules_of(specs: Iterable[RequestAuthenticationSpec]) -> tuple[JWTRule, ...]:
    return tuple(rule for spec in specs for rule in spec.jwt_rules)
