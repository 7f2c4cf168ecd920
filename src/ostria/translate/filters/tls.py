"""TLS of the mesh: the workload's certificate and roots over SDS, and what each side checks of the other.

Private keys never pass through the control plane: contexts only name secrets. `default` and `ROOTCA` come from the agent beside the Envoy (cluster
`sds-grpc`), a gateway's `kubernetes://…` secrets come over ADS.
"""

from collections.abc import Iterable

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, SubjectAltNameMatcher, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.duration_pb2 import Duration

from ostria.api.mesh.mesh_config import TLSConfig
from ostria.translate.filters.proto import flag, pack
from ostria.translate.names import ROOT_CERTIFICATE, SDS_CLUSTER, WORKLOAD_CERTIFICATE

SOCKET = "envoy.transport_sockets.tls"
MESH_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
HTTP_ALPN = ("h2", "http/1.1")
TCP_ALPN = ("istio-peer-exchange", "h2", "http/1.1")
"""What the server side of the mesh selects from. `istio…/…` names only choose a filter chain: were one selected, Envoy would no longer see HTTP/2."""
UPSTREAM_ALPN = ("istio-peer-exchange", "istio")
UPSTREAM_HTTP2_ALPN = (*UPSTREAM_ALPN, "h2")
_SPIFFE = "spiffe://"


def agent_secret(name: str) -> SdsSecretConfig:
    """A secret that the agent serves. Envoy waits for it without limit: a listener without its certificate must not start."""
    grpc = GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=SDS_CLUSTER))
    api = ApiConfigSource(
        api_type=ApiConfigSource.GRPC,
        transport_api_version=ApiVersion.V3,
        set_node_on_first_message_only=True,
        grpc_services=[grpc],
    )
    source = ConfigSource(api_config_source=api, resource_api_version=ApiVersion.V3, initial_fetch_timeout=Duration())
    return SdsSecretConfig(name=name, sds_config=source)


def gateway_secret(name: str) -> SdsSecretConfig:
    """A secret that the control plane serves to gateways, after it has checked that they may have it."""
    return SdsSecretConfig(name=name, sds_config=ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3))


def uri_prefix(prefix: str) -> SubjectAltNameMatcher:
    return SubjectAltNameMatcher(san_type=SubjectAltNameMatcher.URI, matcher=StringMatcher(prefix=prefix))


def exact_name(name: str) -> tuple[SubjectAltNameMatcher, ...]:
    """A SPIFFE id or other URI matches as such only; other names as the DNS names (or addresses) that they may be."""
    of_uri = (SubjectAltNameMatcher.URI,)
    of_host = (SubjectAltNameMatcher.DNS, SubjectAltNameMatcher.IP_ADDRESS)
    kinds = of_uri if "://" in name else of_host
    return tuple(SubjectAltNameMatcher(san_type=k, matcher=StringMatcher(exact=name)) for k in kinds)


def exact_names(names: Iterable[str]) -> list[SubjectAltNameMatcher]:
    return [m for name in names for m in exact_name(name)]


def trust_domain_names(trust_domains: Iterable[str]) -> list[SubjectAltNameMatcher]:
    return [uri_prefix(f"{_SPIFFE}{domain}/") for domain in trust_domains]


def combined(
    validation: CertificateValidationContext, roots: SdsSecretConfig
) -> tls_pb2.CommonTlsContext.CombinedCertificateValidationContext:
    return tls_pb2.CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=validation, validation_context_sds_secret_config=roots
    )


def workload_context(names: Iterable[SubjectAltNameMatcher], alpn: Iterable[str]) -> tls_pb2.CommonTlsContext:
    """The workload's own certificate, and peers that the mesh's roots vouch for and that have one of `names`."""
    validation = CertificateValidationContext(match_typed_subject_alt_names=names)
    return tls_pb2.CommonTlsContext(
        alpn_protocols=alpn,
        tls_certificate_sds_secret_configs=[agent_secret(WORKLOAD_CERTIFICATE)],
        combined_validation_context=combined(validation, agent_secret(ROOT_CERTIFICATE)),
    )


def mesh_parameters(settings: TLSConfig) -> TlsParameters:
    """Between sidecars: TLS 1.2 at least, 1.3 at most, forward secrecy preferred."""
    lowest = TlsParameters.TLSv1_3 if settings.min_protocol_version == "TLSV1_3" else TlsParameters.TLSv1_2
    ciphers = () if lowest == TlsParameters.TLSv1_3 else settings.cipher_suites or MESH_CIPHERS
    return TlsParameters(
        tls_minimum_protocol_version=lowest,
        tls_maximum_protocol_version=TlsParameters.TLSv1_3,
        cipher_suites=ciphers,
        ecdh_curves=settings.ecdh_curves,
    )


def mesh_server(settings: TLSConfig, trust_domains: Iterable[str], alpn: Iterable[str]) -> TransportSocket:
    """The server side of mutual TLS: callers from our trust domain or one of its aliases, with a certificate, always."""
    common = workload_context(trust_domain_names(trust_domains), alpn)
    common.tls_params.CopyFrom(mesh_parameters(settings))
    context = tls_pb2.DownstreamTlsContext(
        common_tls_context=common, require_client_certificate=flag(True), disable_stateful_session_resumption=False
    )
    return server_socket(context)


def mesh_client_context(names: Iterable[SubjectAltNameMatcher], sni: str, alpn: Iterable[str]) -> tls_pb2.UpstreamTlsContext:
    """The client side of ISTIO_MUTUAL. `names` must not be empty: who answers is checked on every connection."""
    return tls_pb2.UpstreamTlsContext(common_tls_context=workload_context(names, alpn), sni=sni)


def server_socket(context: tls_pb2.DownstreamTlsContext) -> TransportSocket:
    return TransportSocket(name=SOCKET, typed_config=pack(context))


def client_socket(context: tls_pb2.UpstreamTlsContext) -> TransportSocket:
    return TransportSocket(name=SOCKET, typed_config=pack(context))
