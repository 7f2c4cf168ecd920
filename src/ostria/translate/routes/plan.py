"""Which route configurations a view needs, as keys."""

from dataclasses import replace

from ostria.snapshot.view import Generator, ProxyType, View
from ostria.translate.routes import gateway, proxyless, sidecar
from ostria.translate.routes.key import RouteConfigKey


def keys(view: View) -> tuple[RouteConfigKey, ...]:
    """Every route configuration that the view's listeners may name; names are unique."""
    if view.key.generator is Generator.GRPC:
        return proxyless.keys(view)
    found = gateway.keys(view) if view.key.type is ProxyType.ROUTER else sidecar.keys(view)
    return tuple(_for_vhds(k) for k in found) if view.key.vhds else found


def _for_vhds(key: RouteConfigKey) -> RouteConfigKey:
    hosts = tuple(replace(h, name=f"{key.name}/{h.name}") for h in key.hosts)
    return replace(key, hosts=hosts, vhds=True)
