"""The watch over the caches sees what it is there for."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from tests.unit.proof import Proof

from ostria.discovery.protocol.sharing import Generations
from ostria.snapshot.memo import Memo
from ostria.translate.built import Built
from ostria.translate.names import CDS
from ostria.translate.workshop import Workshop


def test_a_key_that_comes_to_other_bytes_is_found(proof: Proof) -> None:
    workshop = Workshop()
    held = [workshop.make(CDS, "key", lambda: Built("a", Cluster(name="a"))) for _ in range(2)]
    assert (held[0] is held[1], proof.findings) == (True, [])
    workshop.make(CDS, "key", lambda: Built("a", Cluster(name="b")))
    assert len(proof.findings) == 1
    assert workshop.builds[CDS] == 1, "what is made for the comparison does not count"
    proof.begin()


def test_inputs_that_leave_something_out_are_found(proof: Proof) -> None:
    memo: Memo[tuple[int, ...]] = Memo(8)
    memo.get("key", ("same",), lambda: (1,))
    memo.get("key", ("other",), lambda: (2,))
    assert not proof.findings
    memo.get("key", ("other",), lambda: (3,))
    assert len(proof.findings) == 1
    proof.begin()


def test_shared_work_under_one_name_is_found(proof: Proof) -> None:
    shared: Generations[bytes] = Generations()
    shared.get(("entries",), lambda: b"a")
    shared.get(("entries",), lambda: b"b")
    assert len(proof.findings) == 1
    proof.begin()
