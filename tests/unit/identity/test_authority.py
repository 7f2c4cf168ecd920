"""What the authority signs, what it refuses, and what a peer makes of the result."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ostria.identity import messages
from ostria.identity.authority import Authority, CertificateRefused, PrivateKey, key_pem, new_key, pem, self_signed
from ostria.identity.authority_files import kept, plugged_in, watched_plug_in
from ostria.identity.spiffe import SpiffeId

NOW = 1_800_000_000.0
REVIEWS = SpiffeId("cluster.local", "default", "bookinfo-reviews")


def request(key: PrivateKey, *names: x509.GeneralName) -> str:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def names_of(leaf: x509.Certificate) -> list[str]:
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.UniformResourceIdentifier)


@pytest.fixture(scope="module")
def root() -> Authority:
    return self_signed(new_key(), "cluster.local", NOW)


def test_the_identity_is_the_callers_whatever_the_request_names(root: Authority) -> None:
    wish = x509.UniformResourceIdentifier("spiffe://cluster.local/ns/kube-system/sa/admin")
    chain = root.sign_request(request(new_key(), wish), REVIEWS, 0, NOW)
    leaf = x509.load_pem_x509_certificate(chain[0].encode())
    assert names_of(leaf) == [str(REVIEWS)]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_leaf_lasts_a_day_and_begins_two_minutes_ago(root: Authority) -> None:
    leaf = x509.load_pem_x509_certificate(root.sign_request(request(new_key()), REVIEWS, 0, NOW)[0].encode())
    assert leaf.not_valid_before_utc == datetime.fromtimestamp(NOW, UTC) - timedelta(minutes=2)
    assert leaf.not_valid_after_utc == datetime.fromtimestamp(NOW, UTC) + timedelta(hours=24)


def test_ninety_days_are_granted_and_a_second_more_is_refused(root: Authority) -> None:
    root.sign_request(request(new_key()), REVIEWS, 90 * 86400, NOW)
    for seconds in (90 * 86400 + 1, 2**62):
        with pytest.raises(CertificateRefused, match="longest"):
            root.sign_request(request(new_key()), REVIEWS, seconds, NOW)


def test_a_self_signed_chain_is_leaf_and_root(root: Authority) -> None:
    chain = root.sign_request(request(new_key()), REVIEWS, 0, NOW)
    assert len(chain) == 2
    assert chain[-1] == pem(root.certificate)
    x509.load_pem_x509_certificate(chain[0].encode()).verify_directly_issued_by(root.certificate)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
def test_both_kinds_of_key_are_signed_by_both_kinds_of_authority(key: PrivateKey, root: Authority) -> None:
    for authority in (root, self_signed(new_key(rsa_bits=2048), "cluster.local", NOW)):
        leaf = x509.load_pem_x509_certificate(authority.sign_request(request(key), REVIEWS, 0, NOW)[0].encode())
        assert leaf.public_key() == key.public_key()


def test_weak_keys_garbage_and_forged_requests_are_refused(root: Authority) -> None:
    honest = request(new_key())
    for csr in (request(rsa.generate_private_key(65537, 1024)), "", "-----BEGIN", honest.replace("M", "N", 3), "\x00" * 100, honest[:-60]):
        with pytest.raises(CertificateRefused):
            root.sign_request(csr, REVIEWS, 0, NOW)


def test_no_leaf_outlives_its_issuer(root: Authority) -> None:
    end = root.certificate.not_valid_after_utc
    late = end.timestamp() - 3600
    assert x509.load_pem_x509_certificate(root.sign_request(request(new_key()), REVIEWS, 0, late)[0].encode()).not_valid_after_utc == end
    with pytest.raises(CertificateRefused, match="expired"):
        root.sign_request(request(new_key()), REVIEWS, 0, end.timestamp() + 1)


def test_the_state_folder_keeps_the_root_private_and_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "ca"
    first = kept(folder, "cluster.local", NOW)
    assert kept(folder, "cluster.local", NOW).certificate == first.certificate
    assert (folder.stat().st_mode & 0o777, (folder / "ca-key.pem").stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_key_without_its_certificate_is_told_apart(tmp_path: Path) -> None:
    kept(tmp_path, "cluster.local", NOW)
    (tmp_path / "ca-key.pem").write_bytes(key_pem(new_key()))
    with pytest.raises(ValueError, match="does not belong"):
        kept(tmp_path, "cluster.local", NOW)


def intermediate(root: Authority, key: PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "intermediate")])
    begin = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder(
        root.certificate.subject, name, key.public_key(), x509.random_serial_number(), begin, begin + timedelta(days=365)
    )
    return builder.add_extension(x509.BasicConstraints(True, 0), critical=True).sign(root.key, hashes.SHA256())


def plug_in(folder: Path, root: Authority, *, chain: str = "") -> x509.Certificate:
    key = new_key()
    link = intermediate(root, key)
    (folder / "root-cert.pem").write_text(pem(root.certificate))
    (folder / "ca-key.pem").write_bytes(key_pem(key))
    (folder / "cert-chain.pem").write_text(chain or pem(link) + pem(root.certificate))
    (folder / "ca-cert.pem").write_text(pem(link))
    return link


def test_a_plugged_in_intermediate_stands_between_leaf_and_root(tmp_path: Path, root: Authority) -> None:
    link = plug_in(tmp_path, root)
    chain = plugged_in(tmp_path, NOW).sign_request(request(new_key()), REVIEWS, 0, NOW)
    assert chain[1:] == (pem(link), pem(root.certificate))
    x509.load_pem_x509_certificate(chain[0].encode()).verify_directly_issued_by(link)


def test_plugged_in_files_are_read_again_and_a_broken_set_is_not_taken(tmp_path: Path, root: Authority) -> None:
    plug_in(tmp_path, root)
    source = watched_plug_in(tmp_path, lambda: NOW)
    first = source()
    stranger = self_signed(new_key(), "elsewhere", NOW)
    (tmp_path / "root-cert.pem").write_text(pem(stranger.certificate))
    assert source() is first
    assert source.problem is not None
    (tmp_path / "root-cert.pem").write_text(pem(root.certificate) + pem(stranger.certificate))
    assert source().trust_bundle == pem(root.certificate) + pem(stranger.certificate)


def test_a_chain_that_does_not_reach_the_root_is_refused(tmp_path: Path, root: Authority) -> None:
    stranger = self_signed(new_key(), "elsewhere", NOW)
    plug_in(tmp_path, root, chain=pem(stranger.certificate))
    with pytest.raises(ValueError, match="nothing in the chain issued"):
        plugged_in(tmp_path, NOW)


def test_messages_are_istios_on_the_wire() -> None:
    wanted = messages.CertificateRequest(csr="CSR", validity=86400, metadata={"CertSigner": "x"})
    assert messages.decode_request(messages.encode_request(wanted)) == wanted
    assert messages.encode_request(messages.CertificateRequest(csr="C", validity=1)) == b"\x0a\x01C\x18\x01"
    assert messages.encode_response(("a", "b")) == b"\x0a\x01a\x0a\x01b"
    assert messages.decode_response(b"\x0a\x01a\x0a\x01b") == ("a", "b")
