"""TLS settings of clients (DestinationRule) and servers (Gateway, Sidecar)."""

from collections import Counter
from collections.abc import Iterator

from ostria.api.networking.destination_rule import ClientTLSSettings
from ostria.api.networking.server_tls import ServerTLSSettings
from ostria.api.problem import Issue
from ostria.config.validate.names import warning

_CIPHERS = frozenset(
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-PSK-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "ECDHE-PSK-AES128-CBC-SHA",
        "ECDHE-PSK-AES256-CBC-SHA",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA",
        "PSK-AES128-CBC-SHA",
        "PSK-AES256-CBC-SHA",
        "DES-CBC3-SHA",
    ]
)
"""What BoringSSL knows by name, for TLS 1.2 and below."""


def client_tls_issues(tls: ClientTLSSettings | None) -> Iterator[Issue]:
    if tls is None:
        return
    files = {
        "clientCertificate": tls.client_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "caCrl": tls.ca_crl,
    }
    if tls.credential_name and tls.mode in ("SIMPLE", "MUTUAL"):
        for name, value in files.items():
            if value:
                yield Issue((name,), f"{name} and credentialName exclude each other", "the credential holds all certificates")
    elif tls.mode == "MUTUAL":
        for name in ("clientCertificate", "privateKey"):
            if not files[name]:
                yield Issue((), f"MUTUAL needs {name} or credentialName", "or ISTIO_MUTUAL for the mesh's own certificates")
    elif tls.mode == "ISTIO_MUTUAL" and (tls.credential_name or any(files.values())):
        yield warning((), "ISTIO_MUTUAL uses the mesh's own certificates; the others are ignored")
    if tls.insecure_skip_verify:
        for name, set_ in (("caCertificates", tls.ca_certificates), ("caCrl", tls.ca_crl), ("subjectAltNames", tls.subject_alt_names)):
            if set_:
                yield Issue((name,), f"{name} and insecureSkipVerify contradict each other")


def server_tls_issues(tls: ServerTLSSettings | None) -> Iterator[Issue]:
    if tls is None:
        return
    yield from _ciphers(tls)
    yield from _credentials(tls)
    match tls.mode:
        case "ISTIO_MUTUAL":
            for name, value in (
                ("serverCertificate", tls.server_certificate),
                ("privateKey", tls.private_key),
                ("caCertificates", tls.ca_certificates),
                ("credentialName", tls.credential_name),
            ):
                if value:
                    yield Issue((name,), f"ISTIO_MUTUAL uses the mesh's own certificates, not {name}")
        case "AUTO_PASSTHROUGH":
            yield from _unused(tls)
        case "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL":
            yield from _needed(tls, tls.mode)
        case _:
            if not tls.https_redirect:
                yield from _unused(tls)


def _needed(tls: ServerTLSSettings, mode: str) -> Iterator[Issue]:
    if tls.credential_name or tls.credential_names:
        if tls.ca_crl:
            yield Issue(("caCrl",), "with credentialName, the revocation list belongs into the credential")
        return
    if not tls.tls_certificates:
        for name, value in (("serverCertificate", tls.server_certificate), ("privateKey", tls.private_key)):
            if not value:
                yield Issue((), f"{mode} needs credentialName, or {name}", "name the Secret that holds the certificate")
    for index, certificate in enumerate(tls.tls_certificates):
        if not certificate.server_certificate or not certificate.private_key:
            yield Issue(("tlsCertificates", index), "a certificate needs serverCertificate and privateKey")
    if mode != "SIMPLE" and not tls.ca_certificates and not tls.ca_cert_credential_name:
        yield Issue((), f"{mode} needs caCertificates to judge the clients' certificates")
    if mode == "SIMPLE" and tls.ca_crl:
        yield Issue(("caCrl",), "SIMPLE asks for no client certificates, so there is nothing to revoke")


def _unused(tls: ServerTLSSettings) -> Iterator[Issue]:
    if any((tls.server_certificate, tls.private_key, tls.ca_certificates, tls.credential_name, tls.ca_crl)):
        yield warning((), f"{tls.mode or 'PASSTHROUGH'} does not end TLS; the certificates are ignored", "did you mean mode: SIMPLE?")


def _credentials(tls: ServerTLSSettings) -> Iterator[Issue]:
    sources = {"credentialName": tls.credential_name, "credentialNames": tls.credential_names, "tlsCertificates": tls.tls_certificates}
    if len(given := [name for name, value in sources.items() if value]) > 1:
        yield Issue((given[1],), f"only one of {' and '.join(given)} may be set")
    for name in ("credentialNames", "tlsCertificates"):
        if len(sources[name] or ()) > 2:
            yield Issue((name,), "at most two certificates (RSA and ECDSA) can be served")


def _ciphers(tls: ServerTLSSettings) -> Iterator[Issue]:
    if tls.min_protocol_version in ("TLSV1_0", "TLSV1_1") and not tls.cipher_suites:
        yield warning(("minProtocolVersion",), "TLS below 1.2 needs cipher suites of its own: the default ones do not work with it")
    for index, suite in enumerate(tls.cipher_suites):
        if suite not in _CIPHERS:
            yield warning(("cipherSuites", index), f"{suite!r} is not a cipher suite of Envoy and is ignored")
    for suite, times in Counter(tls.cipher_suites).items():
        if times > 1:
            yield warning(("cipherSuites",), f"{suite!r} is there {times} times")
