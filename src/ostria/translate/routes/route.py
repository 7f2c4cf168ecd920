"""Routes: the default route of a service, and those that a VirtualService's HTTP rules become, one per match."""

from collections.abc import Iterator

from envoy.config.route.v3 import route_components_pb2 as route_pb

from ostria.api.networking.virtual_service import HTTPMatchRequest, HTTPRoute
from ostria.translate.filters.proto import pack
from ostria.translate.names import config_path, outbound_cluster
from ostria.translate.routes import cors, fault
from ostria.translate.routes.claims import matches_here
from ostria.translate.routes.forward import forward, set_timeout
from ostria.translate.routes.hashing import hash_policy
from ostria.translate.routes.headers import operations
from ostria.translate.routes.key import Blackhole, Passthrough, Routes, ServiceRoute, VirtualServiceRoutes
from ostria.translate.routes.match import is_catch_all, route_match
from ostria.translate.routes.redirect import direct_response, redirect_action, refusal
from ostria.translate.routes.retry import retry_policy

DEFAULT = "default"
NO_DESTINATION = 500
UNKNOWN_HOST = 502


def routes(source: Routes) -> Iterator[route_pb.Route]:
    match source:
        case ServiceRoute():
            yield _default_route(source)
        case VirtualServiceRoutes():
            yield from _rules(source)
        case Passthrough(cluster=cluster):
            out = route_pb.Route(name="allow_any", match=route_match(None), route=route_pb.RouteAction(cluster=cluster))
            set_timeout(out.route, None)
            yield out
        case Blackhole():
            yield route_pb.Route(name="block_all", match=route_match(None), direct_response=refusal(UNKNOWN_HOST))


def _default_route(source: ServiceRoute) -> route_pb.Route:
    out = route_pb.Route(name=DEFAULT, match=route_match(None))
    out.route.cluster = outbound_cluster(source.port, "", source.host)
    out.decorator.operation = f"{source.host}:{source.port}/*"
    set_timeout(out.route, None, grpc=source.grpc)
    if (policy := retry_policy(source.retries, consistent_hash=False)) is not None:
        out.route.retry_policy.CopyFrom(policy)
    if source.hash_policy is not None and (hashed := hash_policy(source.hash_policy.policy)) is not None:
        out.route.hash_policy.append(hashed)
    return out


def _rules(source: VirtualServiceRoutes) -> Iterator[route_pb.Route]:
    """In the VirtualService's order, up to the first that matches everything."""
    for index, rule in enumerate(source.virtual_service.spec.http):
        for match in rule.match or (None,):
            if match is not None and not matches_here(match, source.port, source.gateway):
                continue
            out = _route(source, index, rule, match)
            yield out
            if match is None or is_catch_all(out.match):
                return


def _route(source: VirtualServiceRoutes, index: int, rule: HTTPRoute, match: HTTPMatchRequest | None) -> route_pb.Route:
    out = route_pb.Route(name=_name(rule, match), match=route_match(match))
    if match is not None and match.stat_prefix:
        out.stat_prefix = match.stat_prefix
    owner = source.virtual_service.owner
    path = config_path(source.virtual_service.api_version, owner.namespace, "virtual-service", owner.name)
    out.metadata.filter_metadata["istio"].update({"config": path})
    ops = operations(rule.headers)
    out.request_headers_to_add.extend(ops.request_add)
    out.request_headers_to_remove.extend(ops.request_remove)
    out.response_headers_to_add.extend(ops.response_add)
    out.response_headers_to_remove.extend(ops.response_remove)
    _act(out, source, index, rule)
    out.decorator.operation = _operation(out, owner.name, source.port)
    _filters(out, rule, grpc=source.grpc)
    return out


def _name(rule: HTTPRoute, match: HTTPMatchRequest | None) -> str:
    name = rule.name or ""
    return f"{name}.{match.name}" if match is not None and match.name else name


def _act(out: route_pb.Route, source: VirtualServiceRoutes, index: int, rule: HTTPRoute) -> None:
    if rule.redirect is not None:
        action = redirect_action(rule.redirect, port=source.port, tls=source.tls)
        if action is not None:
            out.redirect.CopyFrom(action)
            return
    elif rule.direct_response is not None:
        out.direct_response.CopyFrom(direct_response(rule.direct_response))
        return
    elif forward(out, rule, index, source):
        return
    # Validation refuses such a rule; a route without any action would cost the whole configuration.
    out.direct_response.CopyFrom(refusal(NO_DESTINATION))


def _operation(out: route_pb.Route, name: str, port: int) -> str:
    """How traces call the route: by its one destination, or else by the VirtualService."""
    path = {"prefix": f"{out.match.prefix}*", "path": out.match.path, "safe_regex": out.match.safe_regex.regex}
    shown = path.get(out.match.WhichOneof("path_specifier") or "", "/*")
    if out.route.cluster:
        _, number, _, host = out.route.cluster.split("|")
        return f"{host}:{number}{shown}"
    return f"{name}:{port}{shown}"


def _filters(out: route_pb.Route, rule: HTTPRoute, *, grpc: bool) -> None:
    if rule.fault is not None and (injected := fault.http_fault(rule.fault)) is not None:
        out.typed_per_filter_config[fault.FILTER].CopyFrom(pack(injected))
    # gRPC libraries refuse routes that configure a filter they don't know.
    if rule.cors_policy is not None and not grpc:
        out.typed_per_filter_config[cors.FILTER].CopyFrom(pack(cors.cors_policy(rule.cors_policy)))
