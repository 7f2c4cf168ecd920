"""For every suite: what a test makes, Envoy must accept (see `tests.envoy.everything`), no cache may give back what it would not make anew
(`tests.unit.proof`), and how many examples a property is tried with.
"""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from tests.envoy.everything import Collection
from tests.unit.proof import Proof

_COLLECTION = pytest.StashKey[Collection]()
_PROOF = pytest.StashKey[Proof]()
_VERDICTS = pytest.StashKey[list["Verdict"]]()

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
    config.stash[_VERDICTS] = []
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


class Verdict(NamedTuple):
    """Envoy's, of all that the tests of one process made: how many resources, which it refuses and why, and how long it took."""

    count: int
    refused: list[str]
    seconds: float


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where several processes share the tests, each has its own verdict and tells the first of them."""
    started, config = time.monotonic(), session.config
    refused = [str(finding) for finding in config.stash[_COLLECTION].findings()]
    own = Verdict(len(config.stash[_COLLECTION].exhibits), refused, time.monotonic() - started)
    if (output := getattr(config, "workeroutput", None)) is not None:
        output["verdict"] = tuple(own)
    config.stash[_VERDICTS].append(own)
    if any(verdict.refused for verdict in config.stash[_VERDICTS]):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if (verdict := getattr(node, "workeroutput", {}).get("verdict")) is not None:
        node.config.stash[_VERDICTS].append(Verdict(*verdict))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Before the line that counts the tests."""
    verdicts = config.stash[_VERDICTS]
    refused = [words for verdict in verdicts for words in verdict.refused]
    for words in refused:
        terminalreporter.write_line(f"Envoy refuses {words}", red=True)
    if count := sum(verdict.count for verdict in verdicts):
        seconds = max(verdict.seconds for verdict in verdicts)
        terminalreporter.write_line(f"Envoy accepts {count - len(refused)} of the {count} resources of these tests ({seconds:.1f} s)")
