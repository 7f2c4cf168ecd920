"""AuthorizationPolicy as Envoy's RBAC.

`rules` turns one policy into named RBAC policies, with `permissions` (what is asked for) and `principals` (who asks) built from `values`, the four
ways in which Istio writes a value: exact, prefix, suffix, present. `ostria.translate.filters.policies` puts them into filters.
"""

from ostria.translate.filters.rbac.rules import Action, rbac

__all__ = ["Action", "rbac"]
