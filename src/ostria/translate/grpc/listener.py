"""API listeners: one for each name under which a client may dial a service port."""

from collections.abc import Iterator
from dataclasses import dataclass

from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager

from ostria.api.meta import ObjectKey
from ostria.registry.model import Service
from ostria.snapshot.view import View
from ostria.translate import names
from ostria.translate.built import Built
from ostria.translate.filters.proto import pack
from ostria.translate.routes.virtual_hosts import is_routed


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerKey:
    name: str
    routes: str
    owner: ObjectKey


def listener_keys(view: View) -> Iterator[ListenerKey]:
    for service in view.services():
        for port in service.ports:
            if is_routed(port) and not service.external_name:
                routes = names.outbound_cluster(port.number, "", service.host)
                for host in _spellings(service, view.key.namespace):
                    yield ListenerKey(name=f"{host}:{port.number}", routes=routes, owner=service.owner)


def _spellings(service: Service, namespace: str) -> Iterator[str]:
    """A Kubernetes service is known by its short names too, the shortest in its own namespace only."""
    yield service.host
    name, found, domain = service.host.partition(f".{service.namespace}.svc.")
    if not (found and domain):
        return
    yield f"{name}.{service.namespace}.svc"
    yield f"{name}.{service.namespace}"
    if service.namespace == namespace:
        yield name


def build(key: ListenerKey) -> Built:
    manager = HttpConnectionManager(stat_prefix=key.routes)
    manager.rds.route_config_name = key.routes
    manager.rds.config_source.ads.SetInParent()
    manager.rds.config_source.resource_api_version = ApiVersion.V3
    manager.http_filters.add(name="envoy.filters.http.fault", typed_config=pack(HTTPFault()))
    manager.http_filters.add(name="envoy.filters.http.router", typed_config=pack(Router()))
    listener = Listener(name=key.name)
    listener.api_listener.api_listener.CopyFrom(pack(manager))
    return Built(key.name, listener, (key.owner,), ((names.RDS, key.routes),))
