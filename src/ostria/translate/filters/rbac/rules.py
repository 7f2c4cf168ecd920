"""Rules of an AuthorizationPolicy, each as one named RBAC policy.

A rule that can't be evaluated as written (it has an HTTP field and this is a TCP port) never matches if it would allow something; where it would deny,
audit or ask an authorizer only the field is left out, so that it holds for more. Either way nothing is opened.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from envoy.config.rbac.v3.rbac_pb2 import RBAC, Permission, Policy, Principal

from ostria.api.security.authorization_policy import Condition, Operation, Rule, Source
from ostria.snapshot.view import AuthorizationPolicyRef, Mesh
from ostria.translate.filters.rbac import claims, permissions, principals
from ostria.translate.filters.rbac.values import Unusable, bracketed

M = TypeVar("M", Permission, Principal)


class Action(Enum):
    ALLOW = RBAC.ALLOW
    DENY = RBAC.DENY
    AUDIT = RBAC.LOG


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a policy is evaluated, and what for."""

    http: bool
    action: Action
    namespace: str
    trust_domains: tuple[str, ...]

    @property
    def restricts(self) -> bool:
        return self.action is not Action.ALLOW


def rbac(policies: Iterable[AuthorizationPolicyRef], action: Action, mesh: Mesh, *, http: bool, prefix: str = "") -> RBAC:
    """A policy without rules matches nothing; under ALLOW that denies everything."""
    found = RBAC(action=action.value)
    for policy in policies:
        place = _Place(http=http, action=action, namespace=policy.namespace, trust_domains=(mesh.trust_domain, *mesh.trust_domain_aliases))
        for index, rule in enumerate(policy.spec.rules or (None,)):
            name = f"{prefix}ns[{policy.namespace}]-policy[{policy.owner.name}]-rule[{index}]"
            found.policies[name].CopyFrom(_policy(rule, place))
    return found


_NEVER = Policy(permissions=[permissions.NOTHING], principals=[principals.NOBODY])


def _policy(rule: Rule | None, place: _Place) -> Policy:
    if rule is None:
        return _NEVER
    try:
        asked, asking = _when(rule.when, place)
        what = [permissions.all_of([*_operation(to.operation, place), *asked]) for to in rule.to] or [permissions.all_of(asked)]
        who = [principals.all_of([*_source(one.source, place), *asking]) for one in rule.from_] or [principals.all_of(asking)]
    except Unusable:
        return _NEVER
    return Policy(permissions=what, principals=who)


def _usable(values: Sequence[str], make: Callable[[str], M], place: _Place) -> list[M]:
    """Raise Unusable for a rule that allows; where it restricts, values that mean nothing here are left out."""
    made = []
    for value in values:
        try:
            made.append(make(value))
        except Unusable:
            if not place.restricts:
                raise
    return made


def _http_only(place: _Place, field: str) -> bool:
    """Whether the field can be evaluated here."""
    if not place.http and not place.restricts:
        raise Unusable(f"{field} needs HTTP")
    return place.http


def _operation(operation: Operation | None, place: _Place) -> Iterator[Permission]:
    if operation is None:
        return
    o = operation
    http = (
        ("hosts", o.hosts, o.not_hosts, None),
        ("methods", o.methods, o.not_methods, permissions.method),
        ("paths", o.paths, o.not_paths, permissions.path),
    )
    for name, values, others, make in http:
        if (values or others) and _http_only(place, name):
            yield from _permission(values, make or _host(any_port=place.restricts), place)
            yield from _no_permission(others, make or _host(any_port=not place.restricts), place)
    yield from _permission(o.ports, permissions.destination_port, place)
    yield from _no_permission(o.not_ports, permissions.destination_port, place)


def _host(*, any_port: bool) -> Callable[[str], Permission]:
    return lambda value: permissions.host(value, any_port=any_port)


def _permission(values: Sequence[str], make: Callable[[str], Permission], place: _Place) -> Iterator[Permission]:
    if found := _usable(values, make, place):
        yield permissions.any_of(found)


def _no_permission(values: Sequence[str], make: Callable[[str], Permission], place: _Place) -> Iterator[Permission]:
    if found := _usable(values, make, place):
        yield permissions.none_of(found)


def _principal(values: Sequence[str], make: Callable[[str], Principal], place: _Place) -> Iterator[Principal]:
    if found := _usable(values, make, place):
        yield principals.any_of(found)


def _nobody(values: Sequence[str], make: Callable[[str], Principal], place: _Place) -> Iterator[Principal]:
    if found := _usable(values, make, place):
        yield principals.none_of(found)


def _source(source: Source | None, place: _Place) -> Iterator[Principal]:
    if source is None:
        return
    s, domains = source, place.trust_domains

    def account(value: str) -> Principal:
        return principals.service_account(value, place.namespace)

    def identity(value: str) -> Principal:
        return principals.any_of(principals.principals((value,), domains))

    def domain(value: str) -> Principal:
        return principals.any_of(principals.trust_domains((value,), domains))

    fields = (
        (s.principals, s.not_principals, identity),
        (s.namespaces, s.not_namespaces, principals.namespace),
        (s.service_accounts, s.not_service_accounts, account),
        (s.trust_domains, s.not_trust_domains, domain),
        (s.ip_blocks, s.not_ip_blocks, principals.direct_address),
        (s.remote_ip_blocks, s.not_remote_ip_blocks, principals.original_address),
    )
    for values, others, make in fields:
        yield from _principal(values, make, place)
        yield from _nobody(others, make, place)
    if (s.request_principals or s.not_request_principals) and _http_only(place, "requestPrincipals"):
        yield from _principal(s.request_principals, claims.request_principal, place)
        yield from _nobody(s.not_request_principals, claims.request_principal, place)


def _when(conditions: Sequence[Condition], place: _Place) -> tuple[list[Permission], list[Principal]]:
    """Conditions about what is asked, and about who asks."""
    asked: list[Permission] = []
    asking: list[Principal] = []
    for condition in conditions:
        try:
            if (permission := _permission_for(condition.key)) is not None:
                asked += _permission(condition.values, permission, place)
                asked += _no_permission(condition.not_values, permission, place)
            elif (principal := _principal_for(condition.key, place)) is not None:
                asking += _principal(condition.values, principal, place)
                asking += _nobody(condition.not_values, principal, place)
        except Unusable:
            if not place.restricts:
                raise
    return asked, asking


def _permission_for(key: str) -> Callable[[str], Permission] | None:
    match key:
        case "destination.ip":
            return permissions.destination_ip
        case "destination.port":
            return permissions.destination_port
        case "connection.sni":
            return permissions.server_name
    if key.startswith("experimental.envoy.filters."):
        return lambda value: permissions.filter_metadata(key, value)
    return None


def _principal_for(key: str, place: _Place) -> Callable[[str], Principal] | None:
    """None: the condition needs HTTP, and a rule that restricts goes without it. Raise Unusable for a key that nobody knows."""
    match key:
        case "source.ip":
            return principals.direct_address
        case "remote.ip":
            return principals.original_address
        case "source.namespace":
            return principals.namespace
        case "source.serviceAccount":
            return lambda value: principals.service_account(value, place.namespace)
        case "source.principal":
            return lambda value: principals.any_of(principals.principals((value,), place.trust_domains))
    return _of_request(key) if _http_only(place, key) else None


def _of_request(key: str) -> Callable[[str], Principal]:
    match key:
        case "request.auth.principal":
            return claims.request_principal
        case "request.auth.audiences":
            return lambda value: claims.claim(("aud",), (value,))
        case "request.auth.presenter":
            return lambda value: claims.claim(("azp",), (value,))
    if key.startswith("request.headers["):
        (name,) = bracketed(key, "request.headers")
        return lambda value: principals.request_header(name, value)
    if key.startswith("request.auth.claims["):
        path = bracketed(key, "request.auth.claims")
        return lambda value: claims.claim(path, (value,))
    raise Unusable(f"{key!r} is not a condition")
