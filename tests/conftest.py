"""For every suite: what a test makes, Envoy must accept (see `tests.envoy.everything`), no cache may give back what it would not make anew
(`tests.unit.proof`), and how many examples a property is tried with.
"""

import time
from collections.abc import Iterator

import pytest
from hypothesis import settings
from tests.envoy.everything import Collection, Finding
from tests.unit.proof import Proof

_COLLECTION = pytest.StashKey[Collection]()
_PROOF = pytest.StashKey[Proof]()
_VERDICT = pytest.StashKey[tuple[list[Finding], float]]()

settings.register_profile("usual", settings(), deadline=None)
"""No example has a deadline: on a machine that has other work, too, it would only tell of that."""
settings.load_profile("usual")
settings.register_profile("quick", max_examples=25)
"""For `make check`, which people wait for; `make test` tries as many as Hypothesis thinks right."""
settings.register_profile("deep", max_examples=3_000)
"""For whoever changed a cache: `pytest --hypothesis-profile=deep -o timeout=1800 PATH`."""


def pytest_configure(config: pytest.Config) -> None:
    """Before test modules are imported, so that no builder escapes under another name."""
    patch = pytest.MonkeyPatch()
    config.stash[_COLLECTION] = collection = Collection()
    collection.watch(patch)
    config.stash[_PROOF] = proof = Proof()
    proof.watch(patch)
    config.add_cleanup(patch.undo)


@pytest.fixture(autouse=True)
def _collected(request: pytest.FixtureRequest) -> Iterator[None]:
    collection = request.config.stash[_COLLECTION]
    collection.begin()
    yield
    collection.end(request.node.nodeid, on_purpose=request.node.get_closest_marker("bad_on_purpose") is not None)


@pytest.fixture(autouse=True)
def proof(request: pytest.FixtureRequest) -> Iterator[Proof]:
    proof = request.config.stash[_PROOF]
    proof.begin()
    yield proof
    if proof.findings:
        pytest.fail("a cache key means two things:\n" + "\n".join(proof.findings[:3]), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    started = time.monotonic()
    findings = session.config.stash[_COLLECTION].findings()
    session.config.stash[_VERDICT] = findings, time.monotonic() - started
    if findings:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Before the line that counts the tests."""
    count, (findings, seconds) = len(config.stash[_COLLECTION].exhibits), config.stash.get(_VERDICT, ([], 0.0))
    for finding in findings:
        terminalreporter.write_line(f"Envoy refuses {finding}", red=True)
    if count:
        terminalreporter.write_line(f"Envoy accepts {count - len(findings)} of the {count} resources of these tests ({seconds:.1f} s)")
