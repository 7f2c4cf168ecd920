"""Routes that send requests on: to which clusters, rewritten how, mirrored where, with which patience."""

from collections.abc import Iterator

from envoy.config.route.v3 import route_components_pb2 as route_pb
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from ostria.api.networking.destination import Destination
from ostria.api.networking.virtual_service import HTTPRewrite, HTTPRoute, HTTPRouteDestination, Percent
from ostria.api.scalars import Duration
from ostria.translate.names import outbound_cluster
from ostria.translate.routes.hashing import hash_policy
from ostria.translate.routes.headers import operations
from ostria.translate.routes.key import HashPolicy, VirtualServiceRoutes
from ostria.translate.routes.percent import fraction, runtime, whole
from ostria.translate.routes.retry import retry_policy
from ostria.translate.routes.strings import regex
from ostria.translate.scalars import duration


def cluster_of(to: Destination, key: VirtualServiceRoutes) -> str:
    """Whether such a cluster exists is not asked: if not, Envoy answers 503 and says NC."""
    host = next((external for name, external in key.externals if name == to.host), to.host)
    port = (to.port.number if to.port else None) or next((p for name, p in key.ports if name == to.host), key.port)
    return outbound_cluster(port, to.subset or "", host)


def forward(out: route_pb.Route, rule: HTTPRoute, index: int, key: VirtualServiceRoutes) -> bool:
    """Make `out` a forwarding route. False when the rule names no destination with a weight."""
    action = out.route
    policies = {j: p for i, j, p in key.hash_policies if i == index}
    set_timeout(action, rule.timeout, grpc=key.grpc)
    action.append_x_forwarded_host = key.forwarded_host
    _rewrite(out, rule)
    action.request_mirror_policies.extend(_mirrors(rule, key))
    weighted = [(j, d) for j, d in enumerate(rule.route) if d.weight or len(rule.route) == 1]
    match weighted:
        case []:
            return False
        case [(_, only)] if len(rule.route) == 1:
            _single(out, only, key)
        case _:
            action.weighted_clusters.clusters.extend(_weighted(d, key) for _, d in weighted)
    action.hash_policy.extend(h for j, _ in weighted if j in policies and (h := hash_policy(policies[j].policy)) is not None)
    retries = key.retries if rule.retries is None else rule.retries
    if (policy := retry_policy(retries, consistent_hash=_is_consistent(policies, rule))) is not None:
        action.retry_policy.CopyFrom(policy)
    return True


def set_timeout(action: route_pb.RouteAction, timeout: Duration | None, *, grpc: bool = False) -> None:
    """No timeout unless one is asked for; a gRPC caller's own deadline counts, up to ours."""
    limit = duration(timeout or Duration(0))
    action.timeout.CopyFrom(limit)
    if grpc:
        action.max_stream_duration.max_stream_duration.CopyFrom(limit)
    else:
        action.max_grpc_timeout.CopyFrom(limit)


def _is_consistent(policies: dict[int, HashPolicy], rule: HTTPRoute) -> bool:
    return len(rule.route) == 1 and 0 in policies


def _rewrite(out: route_pb.Route, rule: HTTPRoute) -> None:
    """The rewrite's authority is stronger than a `Host` header that the rule sets."""
    rewrite = rule.rewrite or HTTPRewrite()
    if rewrite.uri_regex_rewrite is not None:
        out.route.regex_rewrite.pattern.CopyFrom(regex(rewrite.uri_regex_rewrite.match or ""))
        out.route.regex_rewrite.substitution = rewrite.uri_regex_rewrite.rewrite or ""
    elif rewrite.uri:
        out.route.prefix_rewrite = rewrite.uri
    if authority := rewrite.authority or operations(rule.headers).authority:
        out.route.host_rewrite_literal = authority


def _single(out: route_pb.Route, to: HTTPRouteDestination, key: VirtualServiceRoutes) -> None:
    """One destination: its header operations become the route's, and its `Host` counts where the rule has none."""
    out.route.cluster = cluster_of(to.destination, key)
    ops = operations(to.headers)
    out.request_headers_to_add.extend(ops.request_add)
    out.request_headers_to_remove.extend(ops.request_remove)
    out.response_headers_to_add.extend(ops.response_add)
    out.response_headers_to_remove.extend(ops.response_remove)
    if ops.authority and not out.route.HasField("host_rewrite_literal"):
        out.route.host_rewrite_literal = ops.authority


def _weighted(to: HTTPRouteDestination, key: VirtualServiceRoutes) -> route_pb.WeightedCluster.ClusterWeight:
    ops = operations(to.headers)
    out = route_pb.WeightedCluster.ClusterWeight(
        name=cluster_of(to.destination, key),
        weight=UInt32Value(value=to.weight or 0),
        request_headers_to_add=ops.request_add,
        request_headers_to_remove=ops.request_remove,
        response_headers_to_add=ops.response_add,
        response_headers_to_remove=ops.response_remove,
    )
    if ops.authority:
        out.host_rewrite_literal = ops.authority
    return out


def _mirrors(rule: HTTPRoute, key: VirtualServiceRoutes) -> Iterator[route_pb.RouteAction.RequestMirrorPolicy]:
    """Copies whose answers nobody waits for. No percentage means all, zero means none."""
    if rule.mirror is not None:
        legacy = None if rule.mirror_percent is None else Percent(value=float(rule.mirror_percent))
        yield from _mirror(rule.mirror, rule.mirror_percentage or legacy, key)
    for policy in rule.mirrors:
        yield from _mirror(policy.destination, policy.percentage, key)


def _mirror(to: Destination, share: Percent | None, key: VirtualServiceRoutes) -> Iterator[route_pb.RouteAction.RequestMirrorPolicy]:
    if share is None or (share.value or 0) > 0:
        yield route_pb.RouteAction.RequestMirrorPolicy(
            cluster=cluster_of(to, key),
            runtime_fraction=runtime(fraction(share) if share else whole(100)),
            trace_sampled=BoolValue(value=False),
        )
