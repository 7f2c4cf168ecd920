"""What is worked out once for many proxies."""

from tests.unit.discovery.worlds import cluster, contents

from ostria.discovery.protocol.sharing import Generations, Shared
from ostria.discovery.protocol.wire import delta_entries
from ostria.translate.names import CDS


def test_views_with_the_same_resources_share_their_joined_bytes() -> None:
    shared, a, b = Shared(), cluster("a"), cluster("b")
    here, there, other = (shared.chosen(contents(CDS, *each).shared, None) for each in ((a, b), (a, b), (b, a)))
    joined = shared.entries("delta", here, CDS, delta_entries)
    assert shared.entries("delta", there, CDS, delta_entries) is joined
    assert shared.entries("sotw", there, CDS, delta_entries) is not joined
    assert shared.entries("delta", other, CDS, delta_entries) != joined


def test_joined_bytes_that_nobody_used_in_two_worlds_are_forgotten() -> None:
    shared, resources = Shared(), (cluster("a"),)
    joined = shared.entries("delta", resources, CDS, delta_entries)
    shared.advance()
    assert shared.entries("delta", resources, CDS, delta_entries) is joined
    shared.advance()
    shared.advance()
    assert shared.entries("delta", resources, CDS, delta_entries) is not joined


def test_names_that_nobody_asks_for_any_more_are_forgotten() -> None:
    shared = Shared()
    held = shared.intern(frozenset(("a", "b")))
    assert shared.intern(frozenset(("b", "a"))) is held
    for number in range(1_000):
        shared.intern(frozenset((f"name-{number}",)))
    assert len(shared._names) == 1


def test_in_a_world_that_does_not_change_what_every_client_asks_for_alone_is_not_kept() -> None:
    memo: Generations[bytes] = Generations(1_000, lambda _, made: len(made))
    for number in range(1_000):
        memo.get(f"client {number}", (), lambda: b"x" * 100)
    assert len(memo._young) + len(memo._old) <= 22
    assert memo.get("client 999", (), lambda: b"x" * 100) is memo.get("client 999", (), lambda: b"x" * 100), "the newest are still known"
