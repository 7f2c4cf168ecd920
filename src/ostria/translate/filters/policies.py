"""The security policies of a workload or router as filters, in the order in which they decide.

Tokens are verified first, then CUSTOM, DENY, ALLOW decide and AUDIT only notes. Without any ALLOW policy everything that is not denied is allowed.
Policies on dry run sit beside the enforced ones as shadow rules: they count and decide nothing.
"""

from collections.abc import Iterator, Sequence

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac

from ostria.api.mesh.extension_provider import ExtAuthzGrpc
from ostria.api.meta import ObjectKey
from ostria.snapshot.view import AuthorizationPolicyRef, Mesh, Security
from ostria.translate.filters import ext_authz
from ostria.translate.filters.jwt import JWT_FILTER, jwt_authn, rules_of
from ostria.translate.filters.proto import pack
from ostria.translate.filters.rbac import Action, rbac

_SHADOW_PREFIX = {Action.ALLOW: "istio_dry_run_allow_", Action.DENY: "istio_dry_run_deny_", Action.AUDIT: ""}
STAT_PREFIX = "tcp."


def owners(security: Security) -> tuple[ObjectKey, ...]:
    return (*(p.owner for p in security.authorization), *(r.owner for r in security.request_authentication))


def http_policies(security: Security, mesh: Mesh, *, clear_routes: bool = False) -> tuple[HttpFilter, ...]:
    filters = []
    if rules := rules_of(r.spec for r in security.request_authentication):
        filters.append(HttpFilter(name=JWT_FILTER, typed_config=pack(jwt_authn(rules, clear_routes=clear_routes))))
    filters += _http_custom(_asking(security), mesh)
    for action in (Action.DENY, Action.ALLOW, Action.AUDIT):
        policies = _with_action(security, action.name)
        enforced, dry = _split(policies)
        if not policies:
            continue
        config = http_rbac.RBAC(
            rules=rbac(enforced, action, mesh, http=True) if enforced else None,
            shadow_rules=rbac(dry, action, mesh, http=True) if dry else None,
            shadow_rules_stat_prefix=_SHADOW_PREFIX[action] if dry else "",
        )
        filters.append(HttpFilter(name=ext_authz.HTTP_RBAC, typed_config=pack(config)))
    return tuple(filters)


def tcp_policies(security: Security, mesh: Mesh) -> tuple[Filter, ...]:
    filters = list(_tcp_custom(_asking(security), mesh))
    for action in (Action.DENY, Action.ALLOW, Action.AUDIT):
        policies = _with_action(security, action.name)
        enforced, dry = _split(policies)
        if not policies:
            continue
        config = network_rbac.RBAC(
            stat_prefix=STAT_PREFIX,
            rules=rbac(enforced, action, mesh, http=False) if enforced else None,
            shadow_rules=rbac(dry, action, mesh, http=False) if dry else None,
            shadow_rules_stat_prefix=_SHADOW_PREFIX[action] if dry else "",
        )
        filters.append(Filter(name=ext_authz.NETWORK_RBAC, typed_config=pack(config)))
    return tuple(filters)


def _with_action(security: Security, action: str) -> tuple[AuthorizationPolicyRef, ...]:
    return tuple(p for p in security.authorization if (p.spec.action or "ALLOW") == action)


def _asking(security: Security) -> tuple[AuthorizationPolicyRef, ...]:
    """CUSTOM policies. One on dry run asks nobody: the authorizer's answer would be enforced."""
    return tuple(p for p in _with_action(security, "CUSTOM") if not p.dry_run)


def _split(policies: Sequence[AuthorizationPolicyRef]) -> tuple[list[AuthorizationPolicyRef], list[AuthorizationPolicyRef]]:
    """Enforced, and on dry run."""
    return [p for p in policies if not p.dry_run], [p for p in policies if p.dry_run]


def _http_custom(policies: Sequence[AuthorizationPolicyRef], mesh: Mesh) -> Iterator[HttpFilter]:
    for name, own in ext_authz.by_provider(policies).items():
        authorizer = ext_authz.authorizer(mesh.config.providers.get(name))
        matched = ext_authz.matched(name, own, mesh, http=True)
        if authorizer is None:
            yield HttpFilter(name=ext_authz.HTTP_RBAC, typed_config=pack(http_rbac.RBAC(rules=ext_authz.denied(matched))))
            continue
        yield HttpFilter(name=ext_authz.HTTP_RBAC, typed_config=pack(_shadow_http(matched)))
        yield HttpFilter(name="envoy.filters.http.ext_authz", typed_config=pack(ext_authz.http_authz(name, authorizer)))


def _tcp_custom(policies: Sequence[AuthorizationPolicyRef], mesh: Mesh) -> Iterator[Filter]:
    """An authorizer over HTTP can't judge connections, so what its policies match is denied."""
    for name, own in ext_authz.by_provider(policies).items():
        authorizer = ext_authz.authorizer(mesh.config.providers.get(name))
        matched = ext_authz.matched(name, own, mesh, http=False)
        if not isinstance(authorizer, ExtAuthzGrpc):
            rules = ext_authz.denied(matched) if authorizer is None else matched
            yield Filter(name=ext_authz.NETWORK_RBAC, typed_config=pack(network_rbac.RBAC(stat_prefix=STAT_PREFIX, rules=rules)))
            continue
        shadow = network_rbac.RBAC(stat_prefix=STAT_PREFIX, shadow_rules=matched, shadow_rules_stat_prefix=ext_authz.SHADOW_PREFIX)
        yield Filter(name=ext_authz.NETWORK_RBAC, typed_config=pack(shadow))
        yield Filter(name="envoy.filters.network.ext_authz", typed_config=pack(ext_authz.network_authz(name, authorizer)))


def _shadow_http(matched: RBAC) -> http_rbac.RBAC:
    return http_rbac.RBAC(shadow_rules=matched, shadow_rules_stat_prefix=ext_authz.SHADOW_PREFIX)
