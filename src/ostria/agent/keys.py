"""The workload's key and the request for its certificate. Keys are made here and never leave this process but to its own Envoy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ostria.agent.settings import KeyType

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class IssueError(Exception):
    """The authority's answer is not a certificate for our key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What Envoy proves itself with: key and chain (leaf first, no root), and whom it believes. All PEM."""

    key: bytes
    chain: bytes
    root: bytes
    expires: datetime


def generate(key_type: KeyType) -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1()) if key_type is KeyType.ECDSA else rsa.generate_private_key(65537, 2048)


def signing_request(key: PrivateKey, spiffe_id: str) -> str:
    """The authority signs the caller's identity whatever stands here; the name helps who reads its log."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)])
    request = builder.add_extension(names, critical=True).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode("ascii")


def identity(key: PrivateKey, chain: Sequence[str], now: datetime) -> Identity:
    """`chain` as the authority answers: leaf, intermediates, root last. Raise IssueError unless the leaf is ours and valid now."""
    if len(chain) < 2:
        raise IssueError("the authority's answer has no root certificate")
    *certificates, root = chain
    try:
        leaf = x509.load_pem_x509_certificate(certificates[0].encode())
    except ValueError as error:
        raise IssueError(f"the authority's answer is no certificate: {error}") from None
    if _public(leaf.public_key()) != _public(key.public_key()):
        raise IssueError("the certificate is for another key")
    if leaf.not_valid_after_utc <= now:
        raise IssueError(f"the certificate expired at {leaf.not_valid_after_utc}")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Identity(key=pem, chain=_joined(certificates), root=_joined([root]), expires=leaf.not_valid_after_utc)


def seconds_until_renewal(expires: datetime, now: datetime, jitter: float) -> float:
    """Half of what is left, give or take one percent of it (`jitter` from -1 to 1): agents that started together don't renew together."""
    left = max(0.0, (expires - now).total_seconds())
    return left * (0.5 + 0.01 * jitter)


def utc_now() -> datetime:
    return datetime.now(UTC)


def _public(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise IssueError("the certificate's key is neither ECDSA nor RSA")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _joined(certificates: Sequence[str]) -> bytes:
    return "".join(text if text.endswith("\n") else text + "\n" for text in certificates).encode("ascii")
