"""Which route configurations a view needs, as keys."""

from ostria.snapshot.view import Generator, ProxyType, View
from ostria.translate.routes import gateway, proxyless, sidecar
from ostria.translate.routes.key import RouteConfigKey


def keys(view: View) -> tuple[RouteConfigKey, ...]:
    """Every route configuration that the view's listeners may name; names are unique."""
    if view.key.generator is Generator.GRPC:
        return proxyless.keys(view)
    return gateway.keys(view) if view.key.type is ProxyType.ROUTER else sidecar.keys(view)
