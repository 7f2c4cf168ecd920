"""Shared shapes."""

from typing import Literal

from ostria.api.meta import Message


class TLSCertificate(Message):
    ca_certificates: str | None = None
    private_key: str | None = None
    server_certificate: str | None = None


class ServerTLSSettings(Message):
    ca_cert_credential_name: str | None = None
    ca_certificates: str | None = None
    ca_crl: str | None = None
    cipher_suites: tuple[str, ...] = ()
    credential_name: str | None = None
    credential_names: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()
    https_redirect: bool | None = None
    insecure_skip_verify: bool | None = None
    max_protocol_version: Literal["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"] | None = None
    min_protocol_version: Literal["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"] | None = None
    mode: Literal["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"] | None = None
    private_key: str | None = None
    server_certificate: str | None = None
    subject_alt_names: tuple[str, ...] = ()
    tls_certificates: tuple[TLSCertificate, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
