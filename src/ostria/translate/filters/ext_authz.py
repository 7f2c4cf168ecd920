"""CUSTOM policies: an outside authorizer decides about the requests that the policies match.

Two filters per provider: RBAC in shadow mode only says, in metadata, whether a policy matched; ext_authz then asks the authorizer where it did. A
provider that nobody configured denies what its policies match.
"""

from collections.abc import Iterable, Iterator, Sequence

from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import (
    AuthorizationRequest,
    AuthorizationResponse,
    BufferSettings,
    ExtAuthz,
    HttpService,
)
from envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2 import ExtAuthz as NetworkExtAuthz
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher
from envoy.type.v3.http_status_pb2 import HttpStatus, StatusCode

from ostria.api.mesh.extension_provider import ExtAuthzGrpc, ExtAuthzHttp, ExtensionProvider, RequestBody
from ostria.api.scalars import Duration
from ostria.snapshot.view import AuthorizationPolicyRef, Mesh
from ostria.translate.filters.proto import nanoseconds
from ostria.translate.filters.rbac import Action, rbac
from ostria.translate.names import outbound_cluster

HTTP_RBAC = "envoy.filters.http.rbac"
NETWORK_RBAC = "envoy.filters.network.rbac"
SHADOW_PREFIX = "istio_ext_authz_"
DEFAULT_TIMEOUT = Duration(600_000_000_000)
_BAD_PROVIDER = "-deny-due-to-bad-CUSTOM-action"


def by_provider(policies: Iterable[AuthorizationPolicyRef]) -> dict[str, list[AuthorizationPolicyRef]]:
    found: dict[str, list[AuthorizationPolicyRef]] = {}
    for policy in policies:
        found.setdefault((policy.spec.provider and policy.spec.provider.name) or "", []).append(policy)
    return found


def matched(provider: str, policies: Sequence[AuthorizationPolicyRef], mesh: Mesh, *, http: bool) -> RBAC:
    """Names start with the provider's, by which ext_authz knows that it is meant."""
    return rbac(policies, Action.DENY, mesh, http=http, prefix=_prefix(provider))


def _prefix(provider: str) -> str:
    return f"istio-ext-authz-{provider}-"


def denied(matched: RBAC) -> RBAC:
    """What the policies match, since nobody can be asked; their names say why."""
    return RBAC(action=RBAC.DENY, policies={f"{name}{_BAD_PROVIDER}": policy for name, policy in matched.policies.items()})


def authorizer(provider: ExtensionProvider | None) -> ExtAuthzHttp | ExtAuthzGrpc | None:
    return None if provider is None else provider.envoy_ext_authz_http or provider.envoy_ext_authz_grpc


def _where_matched(provider: str, rbac_filter: str) -> MetadataMatcher:
    """The name of a policy goes on with `ns[`, so that one provider's name may begin another's."""
    path = MetadataMatcher.PathSegment(key=f"{SHADOW_PREFIX}shadow_effective_policy_id")
    name = ValueMatcher(string_match=StringMatcher(prefix=f"{_prefix(provider)}ns["))
    return MetadataMatcher(filter=rbac_filter, path=[path], value=name)


def http_authz(name: str, settings: ExtAuthzHttp | ExtAuthzGrpc) -> ExtAuthz:
    authz = ExtAuthz(
        transport_api_version=ApiVersion.V3,
        failure_mode_allow=settings.fail_open,
        clear_route_cache=settings.clear_route_cache,
        filter_enabled_metadata=_where_matched(name, HTTP_RBAC),
    )
    if (status := _status(settings.status_on_error)) is not None:
        authz.status_on_error.CopyFrom(status)
    if settings.include_request_body_in_check is not None:
        authz.with_request_body.CopyFrom(_body(settings.include_request_body_in_check))
    match settings:
        case ExtAuthzGrpc():
            authz.grpc_service.CopyFrom(_grpc(settings))
        case ExtAuthzHttp():
            authz.http_service.CopyFrom(_http_service(settings))
            if (sent := _names((*settings.include_headers_in_check, *settings.include_request_headers_in_check))) is not None:
                authz.allowed_headers.CopyFrom(sent)
    return authz


def network_authz(name: str, settings: ExtAuthzGrpc) -> NetworkExtAuthz:
    return NetworkExtAuthz(
        stat_prefix="tcp.",
        transport_api_version=ApiVersion.V3,
        grpc_service=_grpc(settings),
        failure_mode_allow=settings.fail_open,
        filter_enabled_metadata=_where_matched(name, NETWORK_RBAC),
    )


def _status(code: str) -> HttpStatus | None:
    """A code that HTTP doesn't have would have the listener rejected; 403 is what Envoy answers then."""
    known = code.isascii() and code.isdigit() and int(code) in StatusCode.values()
    return HttpStatus(code=StatusCode.ValueType(int(code))) if known and int(code) else None


def _body(settings: RequestBody) -> BufferSettings:
    return BufferSettings(
        max_request_bytes=settings.max_request_bytes or 1024,
        allow_partial_message=settings.allow_partial_message,
        pack_as_bytes=settings.pack_as_bytes,
    )


def _host(service: str) -> str:
    """`HOST` or `NAMESPACE/HOST`."""
    return service.rpartition("/")[2]


def _timeout(settings: ExtAuthzHttp | ExtAuthzGrpc) -> Duration:
    return settings.timeout or DEFAULT_TIMEOUT


def _grpc(settings: ExtAuthzGrpc) -> GrpcService:
    host = _host(settings.service)
    target = GrpcService.EnvoyGrpc(cluster_name=outbound_cluster(settings.port, "", host), authority=host)
    return GrpcService(envoy_grpc=target, timeout=nanoseconds(_timeout(settings).nanos))


def _http_service(settings: ExtAuthzHttp) -> HttpService:
    host = _host(settings.service)
    uri = HttpUri(
        uri=f"http://{host}:{settings.port}",
        cluster=outbound_cluster(settings.port, "", host),
        timeout=nanoseconds(_timeout(settings).nanos),
    )
    request = AuthorizationRequest(
        headers_to_add=[HeaderValue(key=k, value=v) for k, v in settings.include_additional_headers_in_check.items()]
    )
    response = AuthorizationResponse(
        allowed_upstream_headers=_names(settings.headers_to_upstream_on_allow),
        allowed_client_headers=_names(settings.headers_to_downstream_on_deny),
        allowed_client_headers_on_success=_names(settings.headers_to_downstream_on_allow),
    )
    return HttpService(server_uri=uri, path_prefix=settings.path_prefix, authorization_request=request, authorization_response=response)


def _names(names: Sequence[str]) -> ListStringMatcher | None:
    return ListStringMatcher(patterns=list(_header_names(names))) if names else None


def _header_names(names: Iterable[str]) -> Iterator[StringMatcher]:
    """Exact, `prefix*` or `*suffix`, without case."""
    for name in dict.fromkeys(names):
        if name.startswith("*") and len(name) > 1:
            yield StringMatcher(suffix=name[1:], ignore_case=True)
        elif name.endswith("*") and len(name) > 1:
            yield StringMatcher(prefix=name[:-1], ignore_case=True)
        else:
            yield StringMatcher(exact=name, ignore_case=True)
