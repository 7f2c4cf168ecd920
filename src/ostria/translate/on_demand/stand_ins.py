"""Answers where nothing is there: Envoy asks for a name once, so what it was answered must go on serving that name.

A host that nobody knows gets a virtual host of its own with the routes of the host for everything: that one itself would hide all that the proxy hasn't
asked for yet. A cluster that nobody knows is one without endpoints (503): what Envoy was told is missing, the next connection waits for in vain.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.route.v3.route_components_pb2 import VirtualHost

from ostria.translate.prepared import Prepared, prepare


def host_for(everything: Prepared, name: str, domain: str) -> Prepared:
    """`everything` is the virtual host for `*`; `name` is the new one's, as a resource."""
    message = VirtualHost.FromString(everything.body)
    message.name = name
    del message.domains[:]
    message.domains.append(domain)
    return prepare(name, message, everything.origins)


def nowhere(name: str) -> Prepared:
    return prepare(name, Cluster(name=name, type=Cluster.STATIC, load_assignment=ClusterLoadAssignment(cluster_name=name)), ())
