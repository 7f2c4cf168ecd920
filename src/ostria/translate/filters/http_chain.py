"""HTTP filters in the order in which Istio runs them.

Who calls is settled first (tokens), then what they may do (CUSTOM, DENY, ALLOW, AUDIT), then what happens to the request, and the router last.
"""

from collections.abc import Iterable

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config as SetFilterState
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.message import Message

from ostria.api.mesh.mesh_config import MeshConfig
from ostria.translate.filters.proto import pack
from ostria.translate.filters.side import Side

ALPN = "envoy.filters.http.set_filter_state"
ALPN_KEY = "envoy.network.application_protocols"
ALPN_NAMESPACE, ALPN_FIELD = "istio", "alpn"
"""Where a cluster's metadata holds the name to offer."""
HTTP1_ALPN = "istio-http/1.1"
HTTP2_ALPN = "istio-h2"


def filter_named(name: str, config: Message) -> HttpFilter:
    return HttpFilter(name=name, typed_config=pack(config))


def http_filters(
    side: Side, mesh: MeshConfig, policies: Iterable[HttpFilter] = (), *, grpc_web: bool = False, before_router: Iterable[HttpFilter] = ()
) -> tuple[HttpFilter, ...]:
    """`policies` are the security filters, already in order."""
    chain = list(policies)
    if grpc_web:
        chain.append(filter_named("envoy.filters.http.grpc_web", GrpcWeb()))
    if side is not Side.INBOUND:
        chain.append(alpn_filter())
        chain.append(filter_named("envoy.filters.http.fault", HTTPFault()))
        chain.append(filter_named("envoy.filters.http.cors", Cors()))
    chain.extend(before_router)
    debug = mesh.default_config.proxy_headers.envoy_debug_headers
    router = Router(suppress_envoy_headers=debug is not None and bool(debug.disabled))
    chain.append(filter_named("envoy.filters.http.router", router))
    return tuple(chain)


def alpn_filter() -> HttpFilter:
    """Tell the server side that HTTP follows: a name is offered as ALPN on the upstream's TLS, and a server that sniffs its port reads it there.

    The cluster says which name, in its metadata; one that says none (TLS to a server outside the mesh) keeps the ALPN of its own settings. The server
    never selects the name, so that Envoy finds out the version of HTTP from the first bytes.
    """
    name = SubstitutionFormatString(
        text_format_source=DataSource(inline_string=f"%CLUSTER_METADATA({ALPN_NAMESPACE}:{ALPN_FIELD})%"), omit_empty_values=True
    )
    value = FilterStateValue(object_key=ALPN_KEY, format_string=name, shared_with_upstream=FilterStateValue.ONCE, skip_if_empty=True)
    return filter_named(ALPN, SetFilterState(on_request_headers=[value]))
