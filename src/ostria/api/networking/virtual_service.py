"""VirtualService."""

from typing import Annotated, Literal

from msgspec import Meta, field

from ostria.api.meta import Message, Resource
from ostria.api.networking.destination import Destination
from ostria.api.scalars import Duration


class TLSMatchAttributes(Message):
    destination_subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    sni_hosts: tuple[str, ...]
    source_labels: dict[str, str] = {}
    source_namespace: str | None = None


class RouteDestination(Message):
    destination: Destination
    weight: int | None = None


class TLSRoute(Message):
    match: tuple[TLSMatchAttributes, ...]
    route: tuple[RouteDestination, ...] = ()


class L4MatchAttributes(Message):
    destination_subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    source_labels: dict[str, str] = {}
    source_namespace: str | None = None
    source_subnet: str | None = None


class TCPRoute(Message):
    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class StringMatch(Message):
    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class CorsPolicy(Message):
    allow_credentials: bool | None = None
    allow_headers: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Duration | None = None
    unmatched_preflights: Literal["UNSPECIFIED", "FORWARD", "IGNORE"] | None = None


class Delegate(Message):
    name: str | None = None
    namespace: str | None = None


class HTTPRedirect(Message):
    authority: str | None = None
    derive_port: Literal["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"] | None = None
    port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    prefix_rewrite: str | None = None
    redirect_code: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    scheme: str | None = None
    uri: str | None = None


class RegexRewrite(Message):
    match: str | None = None
    rewrite: str | None = None


class HTTPRewrite(Message):
    authority: str | None = None
    uri: str | None = None
    uri_regex_rewrite: RegexRewrite | None = None


class Percent(Message):
    value: float | None = None


class HTTPMirrorPolicy(Message):
    destination: Destination
    percentage: Percent | None = None


class HTTPRetry(Message):
    attempts: int | None = None
    backoff: Duration | None = None
    per_try_timeout: Duration | None = None
    retry_ignore_previous_hosts: bool | None = None
    retry_on: str | None = None
    retry_remote_localities: bool | None = None


class Abort(Message):
    grpc_status: str | None = None
    http2_error: str | None = None
    http_status: int | None = None
    percentage: Percent | None = None


class Delay(Message):
    exponential_delay: Duration | None = None
    fixed_delay: Duration | None = None
    percent: int | None = None
    percentage: Percent | None = None


class HTTPFaultInjection(Message):
    abort: Abort | None = None
    delay: Delay | None = None


class HTTPMatchRequest(Message):
    authority: StringMatch | None = None
    gateways: tuple[str, ...] = ()
    headers: dict[str, StringMatch] = {}
    ignore_uri_case: bool | None = None
    method: StringMatch | None = None
    name: str | None = None
    port: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    query_params: dict[str, StringMatch] = {}
    scheme: StringMatch | None = None
    source_labels: dict[str, str] = {}
    source_namespace: str | None = None
    stat_prefix: str | None = None
    uri: StringMatch | None = None
    without_headers: dict[str, StringMatch] = {}


class HeaderOperations(Message):
    add: dict[str, str] = {}
    remove: tuple[str, ...] = ()
    set: dict[str, str] = {}


class Headers(Message):
    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HTTPRouteDestination(Message):
    destination: Destination
    headers: Headers | None = None
    weight: int | None = None


class HTTPBody(Message):
    bytes: str | None = None
    string: str | None = None


class HTTPDirectResponse(Message):
    body: HTTPBody | None = None
    status: Annotated[int, Meta(ge=0, le=4294967295)]


class HTTPRoute(Message):
    cors_policy: CorsPolicy | None = None
    delegate: Delegate | None = None
    direct_response: HTTPDirectResponse | None = None
    fault: HTTPFaultInjection | None = None
    headers: Headers | None = None
    match: tuple[HTTPMatchRequest, ...] = ()
    mirror: Destination | None = None
    mirror_percent: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    mirror_percentage: Percent | None = None
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    name: str | None = None
    redirect: HTTPRedirect | None = None
    retries: HTTPRetry | None = None
    rewrite: HTTPRewrite | None = None
    route: tuple[HTTPRouteDestination, ...] = ()
    timeout: Duration | None = None


class VirtualServiceSpec(Message):
    export_to: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    http: tuple[HTTPRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()


class VirtualService(Resource):
    spec: VirtualServiceSpec = field(default_factory=VirtualServiceSpec)
