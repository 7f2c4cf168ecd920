"""The route of requests that arrive for the workload itself: all to one cluster, without timeout."""

from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.config.route.v3 import route_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value


def inbound_route(*, cluster: str, host: str, port: int) -> route_pb2.RouteConfiguration:
    """`cluster` is `inbound|TARGET||` and names the configuration; `host` and `port` are the service's, for traces.

    A request that was reset before it was sent to the app is tried again: the app may have closed an idle connection.
    """
    action = route_pb.RouteAction(
        cluster=cluster,
        timeout=Duration(),
        max_stream_duration=route_pb.RouteAction.MaxStreamDuration(max_stream_duration=Duration(), grpc_timeout_header_max=Duration()),
        retry_policy=route_pb.RetryPolicy(retry_on="reset-before-request", num_retries=UInt32Value(value=2)),
    )
    route = route_pb.Route(
        name="default",
        match=route_pb.RouteMatch(prefix="/"),
        route=action,
        decorator=route_pb.Decorator(operation=f"{host}:{port}/*"),
    )
    virtual_host = route_pb.VirtualHost(name=f"inbound|http|{port}", domains=["*"], routes=[route])
    return route_pb2.RouteConfiguration(name=cluster, virtual_hosts=[virtual_host], validate_clusters=BoolValue(value=False))
