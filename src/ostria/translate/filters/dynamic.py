"""Filters in front of clusters that resolve the requested host themselves: they put the host into the cluster's DNS cache, and wait for its address.

They do nothing for requests that are routed to other clusters.
"""

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import FilterConfig as HttpConfig
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.sni_dynamic_forward_proxy_pb2 import FilterConfig as SniConfig

from ostria.snapshot.view import Mesh
from ostria.translate.clusters.dns import Families, dns_cache
from ostria.translate.filters.proto import pack


def http_resolver(mesh: Mesh, families: Families | None) -> tuple[HttpFilter, ...]:
    """By the request's host. `families` is None where no cluster needs it."""
    if families is None:
        return ()
    config = HttpConfig(dns_cache_config=dns_cache(mesh, families))
    return (HttpFilter(name="envoy.filters.http.dynamic_forward_proxy", typed_config=pack(config)),)


def sni_resolver(mesh: Mesh, families: Families | None, port: int) -> tuple[Filter, ...]:
    """By the name that TLS asks for; `port` is that of the cluster, 0 where it needs none of this."""
    if families is None or not port:
        return ()
    config = SniConfig(dns_cache_config=dns_cache(mesh, families), port_value=port)
    return (Filter(name="envoy.filters.network.sni_dynamic_forward_proxy", typed_config=pack(config)),)
