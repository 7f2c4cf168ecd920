"""HTTP routing: what a proxy may see becomes route configurations made of virtual hosts.

In comes a `View`; `keys` plans it, without building anything, as route configuration keys that hold virtual host keys (a `Planner` does it again
and again, at the price of what is new). Out go messages: `shell`
builds a route configuration without its virtual hosts (`shell_apart` where they are delivered one by one), `build_host` one virtual host; the
translator joins their bytes, so that a change of one VirtualService builds the virtual hosts of its hosts and nothing else. `inbound_route` is for
listeners, which carry it inline, and `gateway_route_name` tells them what a server's configuration is called.
"""

from ostria.translate.routes.build import build, build_host, deliver_apart, origins, shell, shell_apart
from ostria.translate.routes.gateway import route_name as gateway_route_name
from ostria.translate.routes.inbound import inbound_route
from ostria.translate.routes.key import (
    Blackhole,
    Passthrough,
    RouteConfigKey,
    Routes,
    ServiceRoute,
    VirtualHostKey,
    VirtualServiceRoutes,
)
from ostria.translate.routes.plan import keys
from ostria.translate.routes.succession import Planner

__all__ = [
    "Blackhole",
    "Passthrough",
    "Planner",
    "RouteConfigKey",
    "Routes",
    "ServiceRoute",
    "VirtualHostKey",
    "VirtualServiceRoutes",
    "build",
    "build_host",
    "deliver_apart",
    "gateway_route_name",
    "inbound_route",
    "keys",
    "origins",
    "shell",
    "shell_apart",
]
