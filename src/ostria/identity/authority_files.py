"""The authority on disk: our own root, kept in the state folder, or files that an operator plugs in.

Plugged-in files have Istio's names (`ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem`) and are read again when they change, so that an
intermediate can be replaced, and several roots trusted during a rotation, while the mesh runs.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ostria.identity.authority import Authority, PrivateKey, key_pem, new_key, pem, self_signed
from ostria.identity.files import Reloaded, write_private

_NAMES = ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem")


def kept(folder: Path, organization: str, now: float, *, rsa_bits: int = 0) -> Authority:
    """The authority of a state folder, made on first use. Raise ValueError when what is there can't be used, OSError when it can't be kept."""
    certificate, key = folder / "root-cert.pem", folder / "ca-key.pem"
    if not certificate.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self_signed(new_key(rsa_bits), organization, now)
        # The key first: a certificate on the disk means that its key is there too.
        write_private(key, key_pem(made.key))
        write_private(certificate, pem(made.certificate).encode())
    root = _certificates(certificate)
    return _checked(Authority(key=_key(key), certificate=root[0], intermediates=(), roots=tuple(root)), folder, now)


def plugged_in(folder: Path, now: float) -> Authority:
    """The authority of a folder with Istio's four files; `cert-chain.pem` may be missing when the signing certificate is the root."""
    certificate_path, key_path, root_path, chain_path = (folder / name for name in _NAMES)
    roots = _certificates(root_path)
    certificate = _certificates(certificate_path)[0]
    chain = _certificates(chain_path) if chain_path.exists() else [certificate]
    if certificate not in chain:
        chain.insert(0, certificate)
    authority = Authority(
        key=_key(key_path),
        certificate=certificate,
        intermediates=tuple(link for link in chain if link not in roots),
        roots=tuple(roots),
    )
    _check_chain(authority, folder)
    return _checked(authority, folder, now)


def watched_plug_in(folder: Path, clock: Callable[[], float]) -> Reloaded[Authority]:
    return Reloaded(tuple(folder / name for name in _NAMES), lambda: plugged_in(folder, clock()))


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as problem:
        raise ValueError(f"{path}: no PEM certificate: {problem}") from problem


def _key(path: Path) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as problem:
        raise ValueError(f"{path}: no unencrypted PEM private key: {problem}") from problem
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(f"{path}: the key must be ECDSA or RSA")
    return key


def _checked(authority: Authority, folder: Path, now: float) -> Authority:
    if authority.key.public_key() != authority.certificate.public_key():
        raise ValueError(f"{folder}: the private key does not belong to the signing certificate")
    constraints = (
        authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints) if authority.certificate.extensions else None
    )
    if constraints is None or not constraints.value.ca:
        raise ValueError(f"{folder}: the signing certificate is not a certificate authority (basicConstraints CA:TRUE is missing)")
    if authority.certificate.not_valid_after_utc <= datetime.fromtimestamp(now, UTC):
        raise ValueError(f"{folder}: the signing certificate expired at {authority.certificate.not_valid_after_utc}")
    return authority


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _check_chain(authority: Authority, folder: Path) -> None:
    """Each certificate must be signed by the next, the last by a root: peers would refuse every leaf otherwise."""
    links = authority.intermediates
    for link, issuer in pairwise(links):
        _check_signed(link, (issuer,), folder)
    _check_signed(links[-1] if links else authority.certificate, authority.roots, folder)


def _check_signed(link: x509.Certificate, issuers: tuple[x509.Certificate, ...], folder: Path) -> None:
    for issuer in issuers:
        try:
            link.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return
    raise ValueError(f"{folder}: nothing in the chain issued {link.subject.rfc4514_string() or 'a certificate'}")
