"""What each type of resource depends on, in one place: while these are the same, nothing of that type is planned again.

Services, rules, endpoint sets and policies are one object per content, so the comparison is of identities.
"""

from ostria.snapshot.view import View


def of_routes(view: View) -> tuple[object, ...]:
    """Endpoints don't count: a route names a cluster, whoever is in it. Services that routes lead to need not stand in any egress listener."""
    return (view.mesh, view.egress, view.services(), view.outbound_policy, view.servers, _rules(view), view.telemetry, view.patches)


def of_listeners(view: View) -> tuple[object, ...]:
    """Pods behind headless services are dialled directly, so their addresses stand in listeners."""
    headless = tuple(view.endpoints(service, port) for service in view.services() if service.headless for port in service.ports)
    return (*of_routes(view), view.security, view.wasm_plugins, headless)


def _rules(view: View) -> tuple[object, ...]:
    return tuple(view.destination_rule(service.host) for service in view.services())
