"""What each type of resource depends on, in one place: while these are the same, nothing of that type is planned again.

Services, rules, endpoint sets and policies are one object per content, so the comparison is of identities.
"""

from ostria.snapshot.view import ProxyType, View
from ostria.translate.listeners.tcp_routes import routing_connections
from ostria.translate.patches import Context, Patches, Stage, select
from ostria.translate.routes.succession import binders, frame


def of_routes(view: View) -> tuple[object, ...]:
    """Endpoints don't count: a route names a cluster, whoever is in it. Services that routes lead to need not stand in any egress listener."""
    return (view.mesh, view.egress, view.services(), view.outbound_policy, view.servers, view.rules(), view.telemetry, view.patches)


def of_listeners(view: View) -> tuple[object, ...]:
    """Pods behind headless services are dialled directly, so their addresses stand in listeners. Of what VirtualServices do with requests they know nothing."""
    headless = tuple(view.endpoints(service, port) for service in view.services() if service.headless for port in service.ports)
    bound = tuple((frame(binder), routing_connections(binder.virtual_services)) for binder in binders(view))
    settings = (view.mesh, view.outbound_policy, view.telemetry, view.patches, view.security, view.wasm_plugins)
    return (bound, view.services(), view.rules(), headless, settings)


def of_extensions(view: View) -> tuple[object, ...]:
    return (view.patches,)


def patches(view: View, stage: Stage) -> Patches | None:
    """Those that change resources of a type."""
    context = Context.GATEWAY if view.key.type is ProxyType.ROUTER else Context.OUTBOUND
    return select(view.patches, stage, context, view.key.gateway_ports)
