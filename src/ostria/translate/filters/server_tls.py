"""TLS that a server's own settings ask for: a gateway's, or a Sidecar ingress's for callers from outside the mesh.

A certificate comes from the Secret that `credentialName` names, from files (served by the agent), or is the workload's own (ISTIO_MUTUAL). What is
not understood is refused by name, with ValueError: a server must never offer less protection than it was asked for.
"""

from collections.abc import Iterator

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, SubjectAltNameMatcher, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext

from ostria.api.mesh.mesh_config import TLSConfig
from ostria.api.networking.server_tls import ServerTLSSettings
from ostria.snapshot.view import Mesh
from ostria.translate.filters import tls
from ostria.translate.filters.proto import flag
from ostria.translate.names import SDS

_VERSIONS = {
    "TLS_AUTO": TlsParameters.TLS_AUTO,
    "TLSV1_0": TlsParameters.TLSv1_0,
    "TLSV1_1": TlsParameters.TLSv1_1,
    "TLSV1_2": TlsParameters.TLSv1_2,
    "TLSV1_3": TlsParameters.TLSv1_3,
}
CIPHERS = frozenset(
    {
        *tls.MESH_CIPHERS,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "ECDHE-PSK-AES128-CBC-SHA",
        "ECDHE-PSK-AES256-CBC-SHA",
        "ECDHE-PSK-CHACHA20-POLY1305",
        "AES128-SHA",
        "AES256-SHA",
        "PSK-AES128-CBC-SHA",
        "PSK-AES256-CBC-SHA",
        "DES-CBC3-SHA",
    }
)
"""Cipher suites that Envoy's TLS library knows; one unknown name would have the whole listener rejected."""
ECDH_CURVES = frozenset({"X25519", "P-256", "P-384", "P-521", "X25519MLKEM768"})
_CLIENT_CERTIFICATE = ("MUTUAL", "OPTIONAL_MUTUAL")


def server_context(settings: ServerTLSSettings, mesh: Mesh, *, http: bool, gateway: bool) -> TransportSocket:
    alpn = tls.HTTP_ALPN if http else ()
    if settings.mode == "ISTIO_MUTUAL":
        common = tls.workload_context(tls.exact_names(settings.subject_alt_names) or _whole_mesh(mesh), alpn or tls.TCP_ALPN)
    else:
        common = CommonTlsContext(alpn_protocols=alpn, tls_certificate_sds_secret_configs=_certificates(settings, gateway=gateway))
        _verify_clients(common, settings, gateway=gateway)
    common.tls_params.CopyFrom(_parameters(settings, mesh.config.tls_defaults))
    required = settings.mode in ("MUTUAL", "ISTIO_MUTUAL")
    return tls.server_socket(DownstreamTlsContext(common_tls_context=common, require_client_certificate=flag(required)))


def secrets(settings: ServerTLSSettings) -> Iterator[tuple[str, str]]:
    """The secrets that the control plane must serve for it."""
    if settings.mode == "ISTIO_MUTUAL":
        return
    for name in _credentials(settings):
        yield SDS, credential(name)
    if settings.mode in _CLIENT_CERTIFICATE and (roots := _root_credential(settings)):
        yield SDS, roots


def credential(name: str) -> str:
    return name if "://" in name else f"kubernetes://{name}"


def _whole_mesh(mesh: Mesh) -> list[SubjectAltNameMatcher]:
    return tls.trust_domain_names((mesh.trust_domain, *mesh.trust_domain_aliases))


def _credentials(settings: ServerTLSSettings) -> tuple[str, ...]:
    return settings.credential_names or ((settings.credential_name,) if settings.credential_name else ())


def _root_credential(settings: ServerTLSSettings) -> str:
    """The Secret of the roots: named by itself, or beside the (first) certificate."""
    if settings.ca_cert_credential_name:
        name = credential(settings.ca_cert_credential_name)
        return name if name.endswith("-cacert") else f"{name}-cacert"
    names = _credentials(settings)
    return f"{credential(names[0])}-cacert" if names else ""


def _certificates(settings: ServerTLSSettings, *, gateway: bool) -> list[SdsSecretConfig]:
    if (names := _credentials(settings)) and gateway:
        return [tls.gateway_secret(credential(n)) for n in names]
    files = [(c.server_certificate, c.private_key) for c in settings.tls_certificates]
    files = files or [(settings.server_certificate, settings.private_key)]
    found = [tls.agent_secret(f"file-cert:{certificate}~{key}") for certificate, key in files if certificate and key]
    if not found:
        raise ValueError(f"tls mode {settings.mode or 'SIMPLE'} needs a certificate: credentialName, or serverCertificate and privateKey")
    return found


def _verify_clients(common: CommonTlsContext, settings: ServerTLSSettings, *, gateway: bool) -> None:
    """With MUTUAL a client's certificate is checked always, with OPTIONAL_MUTUAL where it shows one."""
    if settings.mode not in _CLIENT_CERTIFICATE:
        return
    validation = CertificateValidationContext(
        match_typed_subject_alt_names=tls.exact_names(settings.subject_alt_names),
        verify_certificate_spki=settings.verify_certificate_spki,
        verify_certificate_hash=settings.verify_certificate_hash,
    )
    if settings.insecure_skip_verify:
        validation.trust_chain_verification = CertificateValidationContext.ACCEPT_UNTRUSTED
    if settings.ca_crl:
        validation.crl.filename = settings.ca_crl
    common.combined_validation_context.CopyFrom(tls.combined(validation, _roots(settings, gateway=gateway)))


def _roots(settings: ServerTLSSettings, *, gateway: bool) -> SdsSecretConfig:
    if (name := _root_credential(settings)) and gateway:
        return tls.gateway_secret(name)
    path = settings.ca_certificates or next((c.ca_certificates for c in settings.tls_certificates if c.ca_certificates), None)
    if not path:
        raise ValueError(f"tls mode {settings.mode} needs the roots of its clients: credentialName or caCertificates")
    return tls.agent_secret(f"file-root:{path}")


def _parameters(settings: ServerTLSSettings, defaults: TLSConfig) -> TlsParameters:
    """At least TLS 1.2 unless a lower version is asked for by name."""
    lowest = settings.min_protocol_version or defaults.min_protocol_version
    lowest = "TLSV1_2" if lowest == "TLS_AUTO" else lowest
    highest = settings.max_protocol_version or "TLS_AUTO"
    if highest != "TLS_AUTO" and highest < lowest:
        raise ValueError(f"maxProtocolVersion {highest} is below the minimum {lowest}")
    ciphers = settings.cipher_suites or defaults.cipher_suites
    return TlsParameters(
        tls_minimum_protocol_version=_VERSIONS[lowest],
        tls_maximum_protocol_version=_VERSIONS[highest],
        cipher_suites=[c for c in dict.fromkeys(ciphers) if c in CIPHERS],
        ecdh_curves=[c for c in dict.fromkeys(settings.ecdh_curves or defaults.ecdh_curves) if c in ECDH_CURVES],
    )
