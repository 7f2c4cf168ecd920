"""Patches of route configurations, virtual hosts and routes."""

from collections.abc import Iterable, Sequence
from functools import partial

from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from ostria.translate.patches import lists
from ostria.translate.patches.entry import Entry
from ostria.translate.patches.merge import merge

Ports = tuple[tuple[int, int], ...]
_ACTIONS = {"route": "ROUTE", "redirect": "REDIRECT", "direct_response": "DIRECT_RESPONSE"}


def patch(config: RouteConfiguration, entries: Iterable[Entry], *, gateway: bool, ports: Ports) -> bool:
    """Change the route configuration, outside in. `ports` are (service port, target port) of the Services in front of a gateway."""
    meant = [e for e in entries if (_at_gateway(config.name, e, ports) if gateway else _at_sidecar(config.name, e))]
    for entry in meant:
        if entry.place == "ROUTE_CONFIGURATION" and entry.operation == "MERGE":
            merge(config, entry.value)
            entry.used = True
    kept = [host for host in (_host(h, meant) for h in config.virtual_hosts) if host is not None]
    for entry in meant:
        if entry.place == "VIRTUAL_HOST" and entry.operation == "ADD" and isinstance(entry.value, VirtualHost):
            kept.append(entry.value)
            entry.used = True
    del config.virtual_hosts[:]
    config.virtual_hosts.extend(kept)
    return True


def _at_sidecar(name: str, entry: Entry) -> bool:
    """A configuration is named by its port (`9080`), by host and port, or, inbound, like its cluster (`inbound|9080||`)."""
    wanted = entry.routes
    if wanted is None:
        return True
    port = name.split("|")[1] if name.startswith("inbound|") else name
    return (not wanted.port_number or str(wanted.port_number) == port) and (not wanted.name or wanted.name == name)


def _at_gateway(name: str, entry: Entry, ports: Ports) -> bool:
    """A configuration is named `http.PORT` or `https.PORT.PORTNAME.GATEWAY.NAMESPACE`."""
    wanted = entry.routes
    if wanted is None:
        return True
    port, port_name, gateway = _gateway_parts(name)
    services = {service for service, target in ports if target == port} or {port}
    return (
        (not wanted.port_number or wanted.port_number in services)
        and (not wanted.port_name or wanted.port_name == port_name)
        and (not wanted.gateway or wanted.gateway == gateway)
        and (not wanted.name or wanted.name == name)
    )


def _gateway_parts(name: str) -> tuple[int, str, str]:
    """Port, port name, `NAMESPACE/GATEWAY`. Port names may hold dots no more than namespaces; gateways may."""
    protocol, _, rest = name.partition(".")
    number, _, rest = rest.partition(".")
    port = int(number) if number.isdigit() else 0
    if protocol == "http":
        return port, "", ""
    port_name, _, rest = rest.partition(".")
    gateway, _, namespace = rest.rpartition(".")
    return port, port_name, f"{namespace}/{gateway}"


def _host(host: VirtualHost, entries: Sequence[Entry]) -> VirtualHost | None:
    for entry in entries:
        if entry.place != "VIRTUAL_HOST" or entry.operation == "ADD" or not _host_matches(host, entry):
            continue
        entry.used = True
        match entry.operation:
            case "REMOVE":
                return None
            case "MERGE":
                merge(host, entry.value)
            case "REPLACE" if isinstance(entry.value, VirtualHost):
                host.CopyFrom(entry.value)
    _routes(host, [e for e in entries if e.place == "HTTP_ROUTE"])
    return host


def _host_matches(host: VirtualHost, entry: Entry) -> bool:
    wanted = entry.routes.vhost if entry.routes is not None else None
    if wanted is None:
        return True
    named = not wanted.name or host.name == wanted.name
    return named and (not wanted.domain_name or wanted.domain_name in host.domains)


def _routes(host: VirtualHost, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if not _host_matches(host, entry):
            continue
        if entry.operation == "MERGE":
            for found in host.routes:
                if _route_matches(found, entry):
                    merge(found, entry.value)
                    entry.used = True
        elif entry.operation == "REMOVE":
            _remove(host, entry)
        elif entry.operation != "INSERT_FIRST" or not _chosen(entry) or any(_route_matches(r, entry) for r in host.routes):
            lists.rearrange(host.routes, entry, partial(_route_matches, entry=entry), chosen=_chosen(entry))


def _remove(host: VirtualHost, entry: Entry) -> None:
    """Without a route named, all of them go."""
    kept = [route for route in host.routes if not _route_matches(route, entry)]
    entry.used = entry.used or len(kept) < len(host.routes)
    del host.routes[:]
    host.routes.extend(kept)


def _chosen(entry: Entry) -> bool:
    return entry.routes is not None and entry.routes.vhost is not None and entry.routes.vhost.route is not None


def _route_matches(route: Route, entry: Entry) -> bool:
    vhost = entry.routes.vhost if entry.routes is not None else None
    wanted = vhost.route if vhost is not None else None
    if wanted is None:
        return True
    if wanted.name and wanted.name != route.name:
        return False
    if wanted.action in (None, "ANY"):
        return True
    # An action that the match can't name (such as a filter's own) is not excluded by it.
    kind = _ACTIONS.get(route.WhichOneof("action") or "")
    return kind is None or kind == wanted.action
