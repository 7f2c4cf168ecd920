"""For gRPC libraries that speak xDS themselves: what they accept of clusters and listeners, and no more.

They dial `xds:///HOST:PORT` and ask for the listener of that name; it leads to a route configuration (from `routes`), that to a cluster here. Certificates
come from the provider named `default` in their bootstrap. Servers that take their listeners over xDS are not served: without the policies of a
sidecar such a listener would accept anybody.
"""

from ostria.translate.grpc.cluster import build as build_cluster
from ostria.translate.grpc.listener import ListenerKey, listener_keys
from ostria.translate.grpc.listener import build as build_listener

__all__ = ["ListenerKey", "build_cluster", "build_listener", "listener_keys"]
