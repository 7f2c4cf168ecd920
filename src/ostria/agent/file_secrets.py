"""Certificates that rules name as files in the workload: read by the agent, so that Envoy waits for a missing one instead of refusing its configuration.

Names are Istio's: `file-cert:CHAIN~KEY` and `file-root:PATH`, where the path `system` means what the machine itself trusts. They are read when Envoy
asks, and again at every rotation of the workload's own certificate.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

_CERTIFICATE: Final = "file-cert:"
_ROOTS: Final = "file-root:"
_SYSTEM: Final = "system"
SYSTEM_ROOTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep them."""
_LARGEST: Final = 4 * 1024 * 1024


def file_secret(name: str, system: Sequence[str] = SYSTEM_ROOTS) -> Secret | None:
    """The secret of that name; None if it names no file, or one that isn't there or holds nothing of the kind."""
    secret = Secret(name=name)
    if name.startswith(_ROOTS):
        path = name.removeprefix(_ROOTS)
        roots = next((found for each in (system if path == _SYSTEM else (path,)) if (found := _read(each, b"CERTIFICATE"))), None)
        if roots is None:
            return None
        secret.validation_context.trusted_ca.inline_bytes = roots
        return secret
    if name.startswith(_CERTIFICATE):
        chain_path, _, key_path = name.removeprefix(_CERTIFICATE).partition("~")
        chain, key = _read(chain_path, b"CERTIFICATE"), _read(key_path, b"PRIVATE KEY")
        if chain is None or key is None:
            return None
        secret.tls_certificate.certificate_chain.inline_bytes = chain
        secret.tls_certificate.private_key.inline_bytes = key
        return secret
    return None


def _read(path: str, kind: bytes) -> bytes | None:
    """A PEM file with something of that kind in it."""
    file = Path(path)
    try:
        if not file.is_absolute() or not file.is_file() or file.stat().st_size > _LARGEST:
            return None
        content = file.read_bytes()
    except OSError:
        return None
    return content if b"-----BEGIN " in content and kind in content else None
