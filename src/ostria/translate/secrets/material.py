"""What a Secret holds, checked before a proxy sees it."""

from dataclasses import dataclass
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ostria.api.kubernetes.secret import Secret

_CHAIN, _KEY, _ROOTS, _REVOKED = ("cert", "tls.crt"), ("key", "tls.key"), ("cacert", "ca.crt"), ("crl", "ca.crl")
"""Generic Secrets and those of type kubernetes.io/tls name their parts differently."""
_RSA_BITS = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


@dataclass(frozen=True, slots=True, repr=False)
class Material:
    """The parts of a Secret as bytes, empty where absent. Not shown in messages: it holds a private key."""

    chain: bytes = b""
    key: bytes = b""
    roots: bytes = b""
    revoked: bytes = b""


class Certificate(NamedTuple):
    chain: bytes
    key: bytes


class Authority(NamedTuple):
    certificates: bytes
    revoked: bytes


def material(secret: Secret) -> Material:
    """Raise ValueError for what isn't base64."""
    return Material(*(_first(secret, names) for names in (_CHAIN, _KEY, _ROOTS, _REVOKED)))


def _first(secret: Secret, names: tuple[str, ...]) -> bytes:
    return next((value for name in names if (value := secret.value(name))), b"")


def certificate(parts: Material) -> Certificate:
    """The certificate chain and its key. Raise ValueError unless Envoy can use them."""
    if not parts.chain or not parts.key:
        raise ValueError("the Secret needs a certificate (tls.crt or cert) and its key (tls.key or key)")
    leaf = _certificates(parts.chain, "certificate")[0]
    try:
        key = load_pem_private_key(parts.key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the private key is not PEM that can be read, or needs a password") from error
    if isinstance(key, RSAPrivateKey) and key.key_size < _RSA_BITS:
        raise ValueError(f"the private key has {key.key_size} bits; Envoy takes RSA keys of {_RSA_BITS} bits or more")
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name not in _CURVES:
        raise ValueError(f"the private key is on the curve {key.curve.name}; Envoy takes {', '.join(_CURVES)}")
    public = (each.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for each in (leaf.public_key(), key.public_key()))
    if len(set(public)) > 1:
        raise ValueError("the private key does not belong to the certificate")
    return Certificate(parts.chain, parts.key)


def authority(parts: Material) -> Authority:
    """The certificates to trust. Raise ValueError if there is none, or a list of revoked ones can't be read."""
    if not parts.roots:
        raise ValueError("the Secret needs the certificates to trust (ca.crt or cacert)")
    _certificates(parts.roots, "CA certificate")
    if parts.revoked:
        try:
            x509.load_pem_x509_crl(parts.revoked)
        except ValueError as error:
            raise ValueError("the list of revoked certificates is not PEM that can be read") from error
    return Authority(parts.roots, parts.revoked)


def _certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ValueError(f"the {what} is not PEM that can be read") from error
