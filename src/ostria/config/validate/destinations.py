"""Where a route leads: a host, a port of it and a subset of it, with a weight."""

from collections.abc import Iterator, Sequence

from ostria.api.networking.destination import Destination
from ostria.api.networking.virtual_service import HTTPRouteDestination, RouteDestination
from ostria.api.problem import Issue
from ostria.config.validate.names import is_host_label, is_ip, is_wildcard_host, port_issues


def destination_issues(destination: Destination | None) -> Iterator[Issue]:
    if destination is None:
        return
    if destination.host == "*" or not (is_wildcard_host(destination.host) or is_ip(destination.host)):
        yield Issue(("host",), f"{destination.host!r} is not a host to send to", "write the name of a service")
    if destination.subset is not None and destination.subset and not is_host_label(destination.subset):
        yield Issue(("subset",), f"{destination.subset!r} is not a name for a subset")
    if destination.port is not None:
        yield from port_issues(destination.port.number or 0, ("port", "number"))


def weight_issues(routes: Sequence[HTTPRouteDestination | RouteDestination]) -> Iterator[Issue]:
    """Weights are shares of their sum, whatever it is."""
    for index, route in enumerate(routes):
        if (route.weight or 0) < 0:
            yield Issue(("route", index, "weight"), f"the weight {route.weight} is negative")
    if len(routes) > 1 and sum(route.weight or 0 for route in routes) == 0:
        yield Issue(("route",), "no destination has a weight", "give each its share: weight: 50")
