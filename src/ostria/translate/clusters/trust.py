"""TLS contexts of upstream connections: which certificate is shown, and which one is accepted."""

from collections.abc import Iterable, Sequence

from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, SubjectAltNameMatcher, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, UpstreamTlsContext

from ostria.api.mesh.mesh_config import TLSConfig
from ostria.api.networking.destination_rule import ClientTLSSettings
from ostria.snapshot.view import Mesh
from ostria.translate.filters import tls

_SPIFFE = "spiffe://"
_SYSTEM = "system"


def mesh_context(mesh: Mesh, peers: Iterable[str], sni: str, *, http2: bool) -> UpstreamTlsContext:
    """Mutual TLS with the workload's own certificate; the other end must be one of `peers` (SPIFFE ids or DNS names)."""
    context = tls.mesh_client_context(_any_of(mesh, peers), sni, tls.UPSTREAM_HTTP2_ALPN if http2 else tls.UPSTREAM_ALPN)
    context.common_tls_context.tls_params.CopyFrom(_versions())
    return context


def _any_of(mesh: Mesh, peers: Iterable[str]) -> list[SubjectAltNameMatcher]:
    """Exactly these; where none is known, any workload of this trust domain: no other certificate of the mesh's authority will do."""
    domains = (mesh.trust_domain, *mesh.trust_domain_aliases)
    wanted = {name for peer in peers for name in _in_each(peer, domains)}
    return tls.exact_names(sorted(wanted)) if wanted else tls.trust_domain_names(domains)


def _in_each(peer: str, domains: Sequence[str]) -> list[str]:
    """A workload of this mesh may still show a certificate from before its trust domain was renamed."""
    if not peer.startswith(_SPIFFE):
        return [peer]
    domain, slash, path = peer.removeprefix(_SPIFFE).partition("/")
    return [f"{_SPIFFE}{d}{slash}{path}" for d in domains] if domain in domains else [peer]


def user_context(
    defaults: TLSConfig, settings: ClientTLSSettings, alternatives: Sequence[str], *, mutual: bool, http2: bool
) -> UpstreamTlsContext:
    """TLS as a rule asks for it, with certificates from a Secret or from files beside the proxy.

    Raise ValueError if a client certificate is asked for and none is named: going on without one would not be what was asked.
    """
    common = CommonTlsContext(tls_params=_versions(defaults), alpn_protocols=["h2"] if http2 else [])
    if mutual:
        common.tls_certificate_sds_secret_configs.append(_client_certificate(settings))
    if not settings.insecure_skip_verify:
        _verify(common, settings, alternatives)
    return UpstreamTlsContext(sni=settings.sni or "", common_tls_context=common)


def _client_certificate(settings: ClientTLSSettings) -> SdsSecretConfig:
    if settings.credential_name:
        return tls.gateway_secret(credential(settings))
    if not settings.client_certificate or not settings.private_key:
        raise ValueError("tls mode MUTUAL needs clientCertificate and privateKey, or credentialName")
    return tls.agent_secret(f"file-cert:{settings.client_certificate}~{settings.private_key}")


def _verify(common: CommonTlsContext, settings: ClientTLSSettings, alternatives: Sequence[str]) -> None:
    validation = CertificateValidationContext(match_typed_subject_alt_names=tls.exact_names(settings.subject_alt_names or alternatives))
    if settings.ca_crl:
        validation.crl.filename = settings.ca_crl
    if settings.credential_name:
        roots = tls.gateway_secret(credential(settings) + "-cacert")
    else:
        roots = tls.agent_secret(f"file-root:{settings.ca_certificates or _SYSTEM}")
    common.combined_validation_context.CopyFrom(tls.combined(validation, roots))


def credential(settings: ClientTLSSettings) -> str:
    name = settings.credential_name or ""
    return name if "://" in name else f"kubernetes://{name}"


def _versions(defaults: TLSConfig | None = None) -> TlsParameters:
    """Of `defaults` the curves and ciphers count; versions stay TLS 1.2 to 1.3."""
    return TlsParameters(
        tls_minimum_protocol_version=TlsParameters.TLSv1_2,
        tls_maximum_protocol_version=TlsParameters.TLSv1_3,
        ecdh_curves=defaults.ecdh_curves if defaults is not None else (),
        cipher_suites=defaults.cipher_suites if defaults is not None else (),
    )
