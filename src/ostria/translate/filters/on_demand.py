"""What asks the control plane when a request or connection comes for something that isn't there yet.

A request waits for the virtual host of its authority, and then, like a connection, for the cluster that it leads to: one that has come may still be
resolving its names. Envoy asks once for each name; what it was told is missing it waits for in vain the next time, so the control plane answers every
question with something (see `ostria.translate.on_demand`).
"""

from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.extensions.filters.http.on_demand.v3.on_demand_pb2 import OnDemand, OnDemandCds
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from ostria.translate.filters.proto import pack

NAME = "envoy.filters.http.on_demand"


def request_discovery() -> tuple[HttpFilter, ...]:
    """First in the chain: a request that waited begins anew, and no filter should see it twice."""
    return (HttpFilter(name=NAME, typed_config=pack(OnDemand(odcds=OnDemandCds(source=_ads())))),)


def connection_discovery() -> TcpProxy.OnDemand:
    return TcpProxy.OnDemand(odcds_config=_ads())


def _ads() -> ConfigSource:
    return ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3)
