"""VirtualServices with every name spelled out: hosts, destinations and gateways."""

from collections.abc import Callable, Iterator

from msgspec import structs

from ostria.api.networking.destination import Destination
from ostria.api.networking.virtual_service import (
    HTTPMatchRequest,
    HTTPRoute,
    L4MatchAttributes,
    RouteDestination,
    TLSMatchAttributes,
    VirtualServiceSpec,
)
from ostria.registry.hosts import qualified

Match = HTTPMatchRequest | L4MatchAttributes | TLSMatchAttributes
MESH = "mesh"
"""The reserved gateway name that stands for all sidecars."""


def spelled_out(spec: VirtualServiceSpec, namespace: str, domain: str) -> VirtualServiceSpec:
    """Short names mean the object's own namespace; no gateways means the mesh."""

    def destination(short: Destination) -> Destination:
        return structs.replace(short, host=qualified(short.host, namespace, domain))

    def gateways(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(gateway(name, namespace) for name in names)

    return structs.replace(
        spec,
        hosts=tuple(dict.fromkeys(qualified(host, namespace, domain) for host in spec.hosts)),
        gateways=gateways(spec.gateways) or (MESH,),
        http=tuple(_http(route, destination, gateways) for route in spec.http),
        tcp=tuple(
            structs.replace(route, match=tuple(_l4(m, gateways) for m in route.match), route=_routes(route.route, destination))
            for route in spec.tcp
        ),
        tls=tuple(
            structs.replace(route, match=tuple(_tls(m, gateways) for m in route.match), route=_routes(route.route, destination))
            for route in spec.tls
        ),
    )


def matches_of(spec: VirtualServiceSpec) -> Iterator[Match]:
    """The conditions of every route: HTTP, TLS, then TCP."""
    for http in spec.http:
        yield from http.match
    for tls in spec.tls:
        yield from tls.match
    for tcp in spec.tcp:
        yield from tcp.match


def destinations_of(spec: VirtualServiceSpec) -> Iterator[Destination]:
    """Everything that a VirtualService sends traffic to, mirrors included."""
    for http in spec.http:
        yield from (r.destination for r in http.route)
        yield from (m.destination for m in http.mirrors)
        if http.mirror is not None:
            yield http.mirror
    for tls in spec.tls:
        yield from (r.destination for r in tls.route)
    for tcp in spec.tcp:
        yield from (r.destination for r in tcp.route)


def gateway(name: str, namespace: str) -> str:
    """`NAMESPACE/NAME`; a name without a namespace is in the object's own; `mesh` stays. Host-like names (`name.namespace.…`) are old style."""
    if name == MESH:
        return name
    head, slash, tail = name.partition("/")
    if slash:
        return f"{namespace if head == '.' else head}/{tail}"
    parts = name.split(".")
    return f"{parts[1]}/{parts[0]}" if len(parts) > 1 else f"{namespace}/{name}"


def _http(
    route: HTTPRoute, destination: Callable[[Destination], Destination], gateways: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> HTTPRoute:
    return structs.replace(
        route,
        match=tuple(structs.replace(m, gateways=gateways(m.gateways)) for m in route.match),
        route=tuple(structs.replace(r, destination=destination(r.destination)) for r in route.route),
        mirror=destination(route.mirror) if route.mirror else None,
        mirrors=tuple(structs.replace(m, destination=destination(m.destination)) for m in route.mirrors),
    )


def _l4(match: L4MatchAttributes, gateways: Callable[[tuple[str, ...]], tuple[str, ...]]) -> L4MatchAttributes:
    return structs.replace(match, gateways=gateways(match.gateways))


def _tls(match: TLSMatchAttributes, gateways: Callable[[tuple[str, ...]], tuple[str, ...]]) -> TLSMatchAttributes:
    return structs.replace(match, gateways=gateways(match.gateways), sni_hosts=tuple(host.lower() for host in match.sni_hosts))


def _routes(routes: tuple[RouteDestination, ...], destination: Callable[[Destination], Destination]) -> tuple[RouteDestination, ...]:
    return tuple(structs.replace(r, destination=destination(r.destination)) for r in routes)
