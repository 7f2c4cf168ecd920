"""Which Secrets a gateway can use."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret as EnvoySecret
from tests.unit.translate.secrets.certificates import certificate

from ostria.api.kubernetes.secret import Secret
from ostria.api.meta import ObjectKey, ObjectMeta
from ostria.translate.secrets import Reference, SecretKey, build, parse
from ostria.translate.secrets.material import material

CHAIN, KEY = certificate("a.example.com")


def made(name: str, **data: str) -> EnvoySecret:
    parts = {key.replace("_", "."): value for key, value in data.items()}
    secret = Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="s"), string_data=parts)
    message = build(SecretKey(name, material(secret), ObjectKey("Secret", "default", "s"))).message
    assert isinstance(message, EnvoySecret)
    return message


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kubernetes://web", Reference("", "web", False)),
        ("kubernetes://web-cacert", Reference("", "web", True)),
        ("kubernetes://other/web", Reference("other", "web", False)),
        ("kubernetes-gateway://istio-system/web", Reference("istio-system", "web", False)),
        ("kubernetes-gateway://istio-system/web-cacert", Reference("istio-system", "web", True)),
        ("kubernetes-gateway://web", None),
        ("kubernetes://a/b/c", None),
        ("default", None),
    ],
)
def test_names(name: str, meant: Reference | None) -> None:
    assert parse(name) == meant


def test_both_spellings_of_a_certificate_and_its_key() -> None:
    for data in ({"tls_crt": CHAIN, "tls_key": KEY}, {"cert": CHAIN, "key": KEY}):
        tls = made("kubernetes://web", **data).tls_certificate
        assert tls.certificate_chain.inline_bytes == CHAIN.encode()
        assert tls.private_key.inline_bytes == KEY.encode()


def test_roots_stand_beside_the_certificate_or_alone() -> None:
    assert made("kubernetes://web-cacert", ca_crt=CHAIN).validation_context.trusted_ca.inline_bytes == CHAIN.encode()
    assert made("kubernetes://web-cacert", cacert=CHAIN).validation_context.trusted_ca.inline_bytes == CHAIN.encode()


def test_a_key_of_another_certificate_is_refused() -> None:
    _, other = certificate("b.example.com")
    with pytest.raises(ValueError, match="does not belong"):
        made("kubernetes://web", tls_crt=CHAIN, tls_key=other)


def test_what_envoy_would_refuse_is_refused_here() -> None:
    chain, key = certificate("a.example.com", ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(ValueError, match="secp256k1"):
        made("kubernetes://web", tls_crt=chain, tls_key=key)
    with pytest.raises(ValueError, match="not PEM"):
        made("kubernetes://web", tls_crt="nonsense", tls_key=KEY)
    with pytest.raises(ValueError, match="needs a certificate"):
        made("kubernetes://web", tls_crt=CHAIN)


def test_a_secret_never_shows_its_key() -> None:
    parts = material(Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(), string_data={"tls.key": KEY}))
    assert "PRIVATE" not in repr(parts)
