"""Who a token proves somebody to be, and who it does not."""

import json
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from ostria.identity.caller import Credentials, Unauthenticated
from ostria.identity.files import jwks_file
from ostria.identity.spiffe import SpiffeId
from ostria.identity.token_authenticator import TokenAuthenticator
from ostria.identity.tokens import TokenIssuer, TokenSubject

NOW = 1_800_000_000.0
PRODUCTPAGE = TokenSubject(namespace="default", service_account="bookinfo-productpage", pod="productpage-v1-abc", node="here")


def with_token(token: str) -> Credentials:
    return Credentials(metadata={"authorization": f"Bearer {token}"})


def keys_of(issuer: TokenIssuer) -> KeySet:
    return KeySet.import_key_set(json.loads(issuer.jwks()))


def authenticator(of: TokenIssuer, **settings: str) -> TokenAuthenticator:
    keys = keys_of(of)
    return TokenAuthenticator(lambda: keys, lambda: "cluster.local", **settings)


def test_a_workloads_token_proves_its_service_account_and_pod() -> None:
    issuer = TokenIssuer()
    caller = authenticator(issuer).authenticate(with_token(issuer.issue(PRODUCTPAGE, NOW)), NOW + 60)
    assert str(caller.identity) == "spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    assert (caller.pod, caller.node, caller.expires) == ("productpage-v1-abc", "here", NOW + 3600)


def test_an_issuer_survives_a_restart_with_its_key() -> None:
    before = TokenIssuer()
    after = TokenIssuer(before.pem())
    assert authenticator(before).authenticate(with_token(after.issue(PRODUCTPAGE, NOW)), NOW).pod == PRODUCTPAGE.pod


@pytest.mark.parametrize(("seconds", "why"), [(3700, "after it expired"), (-600, "before it begins")])
def test_a_token_counts_only_in_its_time(seconds: float, why: str) -> None:
    issuer = TokenIssuer()
    with pytest.raises(Unauthenticated):
        authenticator(issuer).authenticate(with_token(issuer.issue(PRODUCTPAGE, NOW)), NOW + seconds)


def test_a_token_for_another_audience_or_issuer_or_key_proves_nothing() -> None:
    issuer, other = TokenIssuer(), TokenIssuer()
    for token, judge in (
        (issuer.issue(PRODUCTPAGE, NOW, audience="vault"), authenticator(issuer)),
        (issuer.issue(PRODUCTPAGE, NOW), authenticator(issuer, issuer="https://kubernetes.default.svc")),
        (other.issue(PRODUCTPAGE, NOW), authenticator(issuer)),
    ):
        with pytest.raises(Unauthenticated):
            judge.authenticate(with_token(token), NOW)


def signed(claims: dict[str, object]) -> tuple[str, TokenAuthenticator]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    keys = KeySet([key])
    return jwt.encode({"alg": "ES256", "kid": "one"}, claims, key), TokenAuthenticator(lambda: keys, lambda: "cluster.local")


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "system:node:a"},
        {"sub": "system:serviceaccount:default"},
        {"sub": "system:serviceaccount::x"},
        {"sub": "system:serviceaccount:a/sa/b:x"},
        {"sub": ["system:serviceaccount:default:x"]},
        {"exp": None},
        {"exp": "soon"},
        {"aud": None},
        {"kubernetes.io": {"namespace": "kube-system"}},
    ],
)
def test_odd_claims_are_refused(changed: dict[str, object]) -> None:
    claims = {"sub": "system:serviceaccount:default:x", "aud": ["istio-ca"], "exp": int(NOW) + 60} | changed
    token, judge = signed({name: value for name, value in claims.items() if value is not None})
    with pytest.raises(Unauthenticated):
        judge.authenticate(with_token(token), NOW)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer ....", "Bearer a.b.c", "Bearer " + "x" * 20_000, "Bearer é.é.é"])
def test_garbage_is_refused(header: str) -> None:
    with pytest.raises(Unauthenticated):
        authenticator(TokenIssuer()).authenticate(Credentials(metadata={"authorization": header}), NOW)


def test_keys_are_read_again_when_their_file_changes(tmp_path: Path) -> None:
    file, first, second = tmp_path / "jwks.json", TokenIssuer(), TokenIssuer()
    keys = jwks_file(file)
    judge = TokenAuthenticator(keys, lambda: "cluster.local")
    with pytest.raises(Unauthenticated):
        judge.authenticate(with_token(first.issue(PRODUCTPAGE, NOW)), NOW)
    file.write_text(first.jwks())
    judge.authenticate(with_token(first.issue(PRODUCTPAGE, NOW)), NOW)
    file.write_text('{"keys": [')
    judge.authenticate(with_token(first.issue(PRODUCTPAGE, NOW)), NOW)
    assert keys.problem is not None
    file.write_text(second.jwks())
    judge.authenticate(with_token(second.issue(PRODUCTPAGE, NOW)), NOW)
    with pytest.raises(Unauthenticated):
        judge.authenticate(with_token(first.issue(PRODUCTPAGE, NOW)), NOW)


def test_spiffe_names_have_one_form() -> None:
    name = SpiffeId("cluster.local", "default", "sleep")
    assert SpiffeId.parse(str(name)) == name
    for wrong in (
        "spiffe://cluster.local/default",
        "https://cluster.local/ns/a/sa/b",
        "spiffe://cluster.local/ns/a/sa/b/c",
        "spiffe:///ns/a/sa/b",
    ):
        with pytest.raises(ValueError, match="not of the form"):
            SpiffeId.parse(wrong)
