"""What a test makes and does not look at is judged all the same."""

import subprocess
import sys
from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf.message import Message
from tests.envoy.everything import Collection
from tests.unit.world import Village, service

from ostria.translate import clusters, names
from ostria.translate.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
REVIEWS = names.outbound_cluster(9080, "", "reviews.default.svc.cluster.local")
VILLAGE = service("reviews", ("http", 9080), ip="10.96.0.1") + service("ratings", ("http", 9080), ip="10.96.0.2")
PLANTED = """
import pytest
from tests.envoy.test_everything import serve_a_bad_cluster

{marker}
def test_that_looks_at_nothing():
    serve_a_bad_cluster()
"""


def spoil(name: str, message: Message) -> Message:
    """A hash ring larger than Envoy allows."""
    if name == REVIEWS and isinstance(message, Cluster):
        message.ring_hash_lb_config.minimum_ring_size.value = 1 << 40
    return message


def serve_a_bad_cluster() -> None:
    village, translator = Village(VILLAGE), Translator(tamper=spoil)
    for type_url in (names.CDS, names.EDS, names.LDS, names.RDS, names.VHDS, names.SDS, names.ECDS, names.NDS):
        translator.resources(village.snapshot, village.proxy("web-1", addresses=("10.0.0.1",)), type_url)


@pytest.fixture
def collection(monkeypatch: pytest.MonkeyPatch) -> Collection:
    made = Collection()
    made.watch(monkeypatch)
    return made


@pytest.mark.bad_on_purpose
def test_one_bad_resource_among_good_ones_is_named_with_its_test_and_envoys_words(collection: Collection) -> None:
    serve_a_bad_cluster()
    collection.end("the test", on_purpose=False)
    assert len(collection.exhibits) > 10
    (finding,) = collection.findings()
    assert [e.name for e in finding.exhibits] == [REVIEWS]
    assert finding.tests == ("the test",)
    assert "ring_size" in str(finding).lower()


@pytest.mark.bad_on_purpose
def test_what_is_bad_on_purpose_stays_out(collection: Collection) -> None:
    serve_a_bad_cluster()
    collection.end("the test", on_purpose=True)
    assert not collection.exhibits


def test_builders_that_a_test_calls_itself_are_watched(collection: Collection) -> None:
    view = Village(VILLAGE).view("web-1", addresses=("10.0.0.1",))
    for key in clusters.keys(view):
        clusters.build(key)
    collection.end("the test", on_purpose=False)
    assert REVIEWS in {e.name for e in collection.exhibits}
    assert collection.findings() == []


@pytest.mark.parametrize(("marker", "passes"), [("", False), ("@pytest.mark.bad_on_purpose", True)])
def test_a_session_that_makes_a_bad_resource_fails(tmp_path: Path, marker: str, passes: bool) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text(PLANTED.replace("{marker}", marker))
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", ROOT / "pyproject.toml", f"--rootdir={ROOT}", planted]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert "1 passed" in run.stdout, run.stdout + run.stderr
    assert (run.returncode == 0) is passes, run.stdout
    assert (f"Cluster {REVIEWS}" in run.stdout) is not passes
