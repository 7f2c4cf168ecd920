"""The certificate authority: signs a caller's key for the caller's own identity, and for nothing else that a request may ask for.

Pure: keys and certificates are objects in memory, the time is passed in. `ostria.identity.authority_files` keeps it on disk.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ostria.identity.spiffe import SpiffeId

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

DEFAULT_LIFETIME = timedelta(hours=24)
MAX_LIFETIME = timedelta(days=90)
ROOT_LIFETIME = timedelta(days=3650)
BACKDATED = timedelta(minutes=2)
"""Clocks of neighbours may be behind: a certificate must not be from their future."""


class CertificateRefused(Exception):
    """The request can't be signed. The text is for the log of the server, never for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Authority:
    """A signing key with its certificate. `intermediates` lead from the signing certificate (included unless it is the root) to the root."""

    key: PrivateKey
    certificate: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    """The trust bundle: several during a rotation; the first is this authority's own."""
    default_lifetime: timedelta = DEFAULT_LIFETIME
    max_lifetime: timedelta = MAX_LIFETIME

    @property
    def trust_bundle(self) -> str:
        return "".join(map(pem, self.roots))

    def sign_request(self, csr: str, identity: SpiffeId, seconds: int, now: float) -> tuple[str, ...]:
        """Sign the key of a PEM CSR for `identity`: PEM texts leaf, intermediates, root (the whole bundle) last. `seconds` 0: the default.

        Names in the CSR are not looked at. Raise CertificateRefused; a lifetime beyond the maximum is refused, never clipped.
        """
        lifetime = timedelta(seconds=min(seconds, 10**9)) if seconds > 0 else self.default_lifetime
        if lifetime > self.max_lifetime:
            raise CertificateRefused(f"{identity} asks for {lifetime}; the longest lifetime is {self.max_lifetime}")
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(str(identity))]
        leaf = self._issue(requested_key(csr), names, lifetime, now)
        return (pem(leaf), *map(pem, self.intermediates), self.trust_bundle)

    def sign_server(self, key: PublicKey, hosts: tuple[str, ...], now: float) -> tuple[str, ...]:
        """A certificate for our own server, for DNS names and addresses; shape as above."""
        leaf = self._issue(key, [_host(host) for host in hosts], self.default_lifetime, now)
        return (pem(leaf), *map(pem, self.intermediates), self.trust_bundle)

    def _issue(self, key: PublicKey, names: list[x509.GeneralName], lifetime: timedelta, now: float) -> x509.Certificate:
        begin = datetime.fromtimestamp(now, UTC)
        # A leaf that outlives its issuer only looks valid.
        end = min(begin + lifetime, self.certificate.not_valid_after_utc)
        if end <= begin:
            raise CertificateRefused(f"the signing certificate expired at {end}")
        builder = x509.CertificateBuilder(subject_name=x509.Name([]), issuer_name=self.certificate.subject, public_key=key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin - BACKDATED).not_valid_after(end)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(digital_signature=True, key_encipherment=True), critical=True)
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(issuer, critical=False).sign(self.key, hashes.SHA256())


def self_signed(key: PrivateKey, organization: str, now: float, lifetime: timedelta = ROOT_LIFETIME) -> Authority:
    """A root of its own, valid for ten years."""
    begin = datetime.fromtimestamp(now, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])
    builder = x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin - BACKDATED).not_valid_after(begin + lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    root = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False).sign(key, hashes.SHA256())
    return Authority(key=key, certificate=root, intermediates=(), roots=(root,))


def requested_key(csr: str) -> PublicKey:
    """The public key of a PEM signing request whose signature proves that the caller has the private one."""
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        valid, key = request.is_signature_valid, request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise CertificateRefused(f"the signing request can't be read: {problem}") from problem
    if not valid:
        raise CertificateRefused("the signing request is not signed by its own key")
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in ("secp256r1", "secp384r1"):
            return key
        case rsa.RSAPublicKey() if 2048 <= key.key_size <= 8192:
            return key
        case _:
            raise CertificateRefused(f"keys must be ECDSA P-256 or P-384, or RSA of 2048 bits or more, not {type(key).__name__}")


def new_key(rsa_bits: int = 0) -> PrivateKey:
    """ECDSA P-256, or RSA of the given size."""
    return rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: PrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(
    *, digital_signature: bool = False, key_encipherment: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=key_encipherment,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
