"""Route configurations of gRPC clients that speak xDS themselves: one per service port, named like its cluster, with ports in the domains."""

from ostria.snapshot.view import View
from ostria.translate.names import outbound_cluster
from ostria.translate.routes.key import RouteConfigKey
from ostria.translate.routes.sources import Sources
from ostria.translate.routes.virtual_hosts import PortHosts


def keys(view: View) -> tuple[RouteConfigKey, ...]:
    """A client dials one service; it gets that service's virtual host and no other."""
    found: dict[str, RouteConfigKey] = {}
    sources = Sources(view, grpc=True)
    for listener in view.egress:
        hosts = PortHosts(view, listener, sources, port_in_domains=True)
        for port in sorted(hosts.services):
            if listener.port is not None and listener.port.number != port:
                continue
            for named in hosts.on(port, orphans=False):
                if named.service is not None:
                    name = outbound_cluster(port, "", named.service.host)
                    found.setdefault(name, RouteConfigKey(name=name, hosts=(named.key,), ignore_port=False))
    return tuple(found.values())
