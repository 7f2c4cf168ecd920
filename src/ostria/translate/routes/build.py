"""Route configurations and virtual hosts, built from their keys alone."""

from collections.abc import Iterator

from envoy.config.core.v3 import config_source_pb2
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.config.route.v3 import route_pb2
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from ostria.api.meta import ObjectKey
from ostria.translate.built import Built
from ostria.translate.names import VHDS
from ostria.translate.routes.key import RouteConfigKey, Routes, ServiceRoute, VirtualHostKey, VirtualServiceRoutes
from ostria.translate.routes.match import is_catch_all
from ostria.translate.routes.route import routes

MAX_DIRECT_RESPONSE = 1024 * 1024
"""Bytes that a fixed response may have: what the API's validation allows, far beyond Envoy's own 4 KiB."""


def shell(key: RouteConfigKey) -> Built:
    """The route configuration without its virtual hosts."""
    message = route_pb2.RouteConfiguration(
        name=key.name,
        validate_clusters=BoolValue(value=False),
        max_direct_response_body_size_bytes=UInt32Value(value=MAX_DIRECT_RESPONSE),
        ignore_port_in_host_matching=key.ignore_port,
    )
    return Built(key.name, message)


def shell_apart(key: RouteConfigKey) -> Built:
    """The same, for a proxy that is given the virtual hosts one by one (VHDS)."""
    message = shell(key).message
    assert isinstance(message, route_pb2.RouteConfiguration)
    deliver_apart(message)
    return Built(key.name, message, requires=((VHDS, key.name),))


def deliver_apart(message: route_pb2.RouteConfiguration) -> None:
    message.vhds.config_source.ads.SetInParent()
    message.vhds.config_source.resource_api_version = config_source_pb2.V3


def build_host(key: VirtualHostKey) -> Built:
    """One virtual host. Routes that match everything go last, so that no VirtualService hides another one's."""
    found = [route for source in key.routes for route in routes(source)]
    message = route_pb.VirtualHost(
        name=key.name,
        domains=key.domains,
        routes=sorted(found, key=lambda r: is_catch_all(r.match)),
        include_request_attempt_count=key.attempt_count,
        require_tls=route_pb.VirtualHost.ALL if key.require_tls else route_pb.VirtualHost.NONE,
    )
    return Built(key.name, message, origins(key))


def build(key: RouteConfigKey) -> Built:
    """The whole route configuration in one message: for tests, for patches and for clients without VHDS."""
    built, hosts = shell(key), [build_host(h) for h in key.hosts]
    message = built.message
    assert isinstance(message, route_pb2.RouteConfiguration)
    message.virtual_hosts.extend(h.message for h in hosts if isinstance(h.message, route_pb.VirtualHost))
    return Built(key.name, message, tuple(dict.fromkeys(o for h in hosts for o in h.origins)))


def origins(key: VirtualHostKey) -> tuple[ObjectKey, ...]:
    """The objects that a virtual host comes from."""
    return tuple(dict.fromkeys(o for source in key.routes for o in _origins(source)))


def _origins(source: Routes) -> Iterator[ObjectKey]:
    match source:
        case ServiceRoute():
            yield source.owner
            if source.hash_policy is not None:
                yield source.hash_policy.origin
        case VirtualServiceRoutes():
            yield source.virtual_service.owner
            yield from (policy.origin for _, _, policy in source.hash_policies)
