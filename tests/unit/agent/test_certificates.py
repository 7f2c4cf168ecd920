"""How a workload gets its certificate and keeps it fresh, with an authority that may fail and a clock that jumps."""

import asyncio
import os
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.envoy.fake_control_plane import FakeAuthority

from ostria.agent.certificates import Certificates
from ostria.agent.keys import IssueError, generate, identity, seconds_until_renewal, signing_request, utc_now
from ostria.agent.settings import KeyType
from ostria.agent.tokens import PipeToken, TokenError

SPIFFE = "spiffe://cluster.local/ns/default/sa/default"


class Authority(FakeAuthority):
    """Fails the first `failing` calls."""

    failing = 0

    async def __call__(self, csr: str, _validity: int) -> tuple[str, ...]:
        self.failing -= 1
        if self.failing >= 0:
            raise IssueError("not now")
        return self.chain(csr)


def certificates(authority: Authority, slept: list[float]) -> Certificates:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0 if len(slept) < 4 else 3600)

    return Certificates(issue=authority, spiffe_id=SPIFFE, jitter=lambda: 0.0, sleep=sleep)


async def test_each_renewal_has_a_new_key_at_half_of_the_life() -> None:
    slept: list[float] = []
    found = certificates(Authority(life=timedelta(hours=24)), slept)
    running = asyncio.create_task(found.run())
    first, version = await found.changed(0)
    second, _ = await found.changed(version)
    running.cancel()
    assert first.key != second.key
    assert slept[0] == pytest.approx(12 * 3600, rel=0.01)


async def test_failures_back_off_and_end_with_the_first_success() -> None:
    authority, slept = Authority(), list[float]()
    authority.failing = 3
    found = certificates(authority, slept)
    running = asyncio.create_task(found.run())
    await found.changed(0)
    running.cancel()
    assert slept[:3] == [0.2, 0.4, 0.8]
    assert found.failures == 0


def test_a_certificate_for_another_key_is_refused() -> None:
    authority = FakeAuthority()
    chain = authority.chain(signing_request(generate(KeyType.ECDSA), SPIFFE))
    with pytest.raises(IssueError, match="another key"):
        identity(generate(KeyType.ECDSA), chain, utc_now())


def test_an_expired_certificate_and_a_chain_without_root_are_refused() -> None:
    key = generate(KeyType.ECDSA)
    leaf, root = FakeAuthority(life=timedelta(seconds=-1)).chain(signing_request(key, SPIFFE))
    with pytest.raises(IssueError, match="expired"):
        identity(key, (leaf, root), utc_now())
    with pytest.raises(IssueError, match="no root"):
        identity(key, (leaf,), utc_now())


def test_the_root_is_what_envoy_believes_and_not_what_it_shows() -> None:
    key, authority = generate(KeyType.RSA), FakeAuthority()
    found = identity(key, authority.chain(signing_request(key, SPIFFE)), utc_now())
    assert authority.root_pem.encode() == found.root
    assert found.chain.count(b"BEGIN CERTIFICATE") == 1


@given(st.floats(min_value=-1, max_value=1), st.integers(min_value=-100, max_value=90 * 86_400))
def test_renewal_is_always_ahead_of_expiry(jitter: float, left: int) -> None:
    now = utc_now()
    wait = seconds_until_renewal(now + timedelta(seconds=left), now, jitter)
    assert wait >= 0
    assert wait <= max(0, left) * 0.51 + 1e-6


async def test_tokens_arrive_in_pieces_and_the_latest_whole_line_counts() -> None:
    pipe = PipeToken(-1)
    pipe.feed(b"first\nsec")
    assert await pipe.current() == "first"
    pipe.feed(b"ond\n\nthi")
    assert await pipe.current() == "second"


async def test_a_pipe_that_closes_without_a_token_says_so() -> None:
    read, write = os.pipe()
    pipe = PipeToken(read)
    pipe.listen()
    os.close(write)
    with pytest.raises(TokenError, match="closed"):
        await pipe.current()
