"""Names of Envoy resources. Other tools parse them, so they are Istio's, to the letter."""

PASSTHROUGH_CLUSTER = "PassthroughCluster"
BLACK_HOLE_CLUSTER = "BlackHoleCluster"
INBOUND_PASSTHROUGH_CLUSTER = "InboundPassthroughCluster"
VIRTUAL_OUTBOUND = "virtualOutbound"
VIRTUAL_INBOUND = "virtualInbound"
XDS_CLUSTER = "xds-grpc"
SDS_CLUSTER = "sds-grpc"
AGENT_CLUSTER = "agent"
PROMETHEUS_CLUSTER = "prometheus_stats"
WORKLOAD_CERTIFICATE = "default"
ROOT_CERTIFICATE = "ROOTCA"

TYPE = "type.googleapis.com/envoy.config."
CDS = TYPE + "cluster.v3.Cluster"
EDS = TYPE + "endpoint.v3.ClusterLoadAssignment"
LDS = TYPE + "listener.v3.Listener"
RDS = TYPE + "route.v3.RouteConfiguration"
VHDS = TYPE + "route.v3.VirtualHost"
SDS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
ECDS = TYPE + "core.v3.TypedExtensionConfig"
NDS = "type.googleapis.com/istio.networking.nds.v1.NameTable"


def outbound_cluster(port: int, subset: str, host: str) -> str:
    return f"outbound|{port}|{subset}|{host}"


def is_outbound(cluster: str) -> bool:
    """The cluster stands for a service."""
    return cluster.startswith("outbound|")


def dns_srv_cluster(port: int, subset: str, host: str) -> str:
    """The name that SNI-routed (AUTO_PASSTHROUGH) traffic carries."""
    return f"outbound_.{port}_.{subset}_.{host}"


def inbound_cluster(port: int) -> str:
    return f"inbound|{port}||"


def gateway_http_route(port: int) -> str:
    return f"http.{port}"


def gateway_https_route(port: int, port_name: str, gateway: str, namespace: str) -> str:
    return f"https.{port}.{port_name}.{gateway}.{namespace}"


def listener(address: str, port: int) -> str:
    return f"{address}_{port}"


def virtual_host(config: str, host: str) -> str:
    """A virtual host as a resource of its own."""
    return f"{config}/{host}"


def config_of(virtual_host: str) -> str:
    """The route configuration that it belongs to: what stands before the last slash, as Envoy reads it."""
    return virtual_host.rpartition("/")[0]


def config_path(group_version: str, namespace: str, kind: str, name: str) -> str:
    """Istio's own `filter_metadata.istio.config` path, which Kiali and others read."""
    return f"/apis/{group_version}/namespaces/{namespace}/{kind}/{name}"
