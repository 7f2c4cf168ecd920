"""Certificates of the minimal pair: ECDSA P-256 from one root, as the mesh's own are."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


def make() -> dict[str, str]:
    """`root.crt`, and `client` and `server` with `.crt` and `.key`, as PEM."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("root", root_key, "root", root_key, is_authority=True)
    files = {"root.crt": _pem(root)}
    for name in ("client", "server"):
        key = ec.generate_private_key(ec.SECP256R1())
        files[f"{name}.crt"] = _pem(_certificate(name, key, "root", root_key, is_authority=False))
        files[f"{name}.key"] = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return files


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _certificate(name: str, key: Key, issuer: str, issuer_key: Key, *, is_authority: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    identity = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://cluster.local/ns/default/sa/{name}")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=2))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    return (builder if is_authority else builder.add_extension(identity, critical=False)).sign(issuer_key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
