"""What each type of resource depends on, in one place: while these are the same, nothing of that type is planned again.

Services, rules, endpoint sets and policies are one object per content, so the comparison is of identities.
"""

from ostria.snapshot.view import ProxyType, View
from ostria.translate.patches import Context, Patches, Stage, select


def of_routes(view: View) -> tuple[object, ...]:
    """Endpoints don't count: a route names a cluster, whoever is in it. Services that routes lead to need not stand in any egress listener."""
    return (view.mesh, view.egress, view.services(), view.outbound_policy, view.servers, view.rules(), view.telemetry, view.patches)


def of_listeners(view: View) -> tuple[object, ...]:
    """Pods behind headless services are dialled directly, so their addresses stand in listeners."""
    headless = tuple(view.endpoints(service, port) for service in view.services() if service.headless for port in service.ports)
    return (*of_routes(view), view.security, view.wasm_plugins, headless)


def of_extensions(view: View) -> tuple[object, ...]:
    return (view.patches,)


def patches(view: View, stage: Stage) -> Patches | None:
    """Those that change resources of a type."""
    context = Context.GATEWAY if view.key.type is ProxyType.ROUTER else Context.OUTBOUND
    return select(view.patches, stage, context, view.key.gateway_ports)
