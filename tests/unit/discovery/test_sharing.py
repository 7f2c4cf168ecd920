"""What is worked out once for many proxies."""

from tests.unit.discovery.worlds import cluster, contents

from ostria.discovery.protocol.sharing import Shared
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
