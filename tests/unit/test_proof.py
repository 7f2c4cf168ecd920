"""The watch over the caches sees what it is there for."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from tests.unit.proof import Proof
from tests.unit.snapshot.yamls import sidecar
from tests.unit.world import Village, pod, service

from ostria.discovery.protocol.sharing import Generations
from ostria.snapshot.memo import Memo
from ostria.translate.built import Built
from ostria.translate.names import CDS
from ostria.translate.translator import Translator
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


def test_a_proxy_that_has_moved_unnoticed_is_found(proof: Proof) -> None:
    village = Village(service("web", ("http", 80, 8080)) + pod("web-1", "10.0.0.1", labels={"app": "web"}))
    translator, proxy = Translator(), village.proxy("web-1")
    before = village.snapshot
    translator.resources(before, proxy, CDS)
    village.put(sidecar("egress: [{hosts: [./*]}]"))
    assert not proof.findings
    village.snapshot.places = before.places
    translator.resources(village.snapshot, proxy, CDS)
    assert len(proof.findings) == 1
    proof.begin()


def test_shared_work_under_one_name_is_found(proof: Proof) -> None:
    shared: Generations[bytes] = Generations()
    shared.get("entries", (), lambda: b"a")
    shared.get("entries", (), lambda: b"b")
    assert len(proof.findings) == 1
    proof.begin()
