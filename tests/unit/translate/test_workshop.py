"""What is built once, and how long the workshop knows it."""

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from ostria.translate.built import Built
from ostria.translate.names import EDS
from ostria.translate.workshop import Workshop


def empty() -> Built:
    """The endpoints of a subset that has none, whatever happens to its service."""
    return Built("subset", ClusterLoadAssignment(cluster_name="subset"))


def test_a_content_that_ever_new_keys_come_to_does_not_collect_them() -> None:
    workshop = Workshop()
    content = {workshop.make(EDS, number, empty) for number in range(1_000)}
    assert len(content) == 1
    assert len(workshop._made) < 20


def test_the_first_key_and_the_last_ones_are_still_known() -> None:
    workshop = Workshop()
    held = [workshop.make(EDS, number, empty) for number in range(1_000)]
    assert workshop.builds[EDS] == 1_000
    assert all(workshop.make(EDS, number, empty) is held[0] for number in (0, 995, 999))
    assert workshop.builds[EDS] == 1_000


def test_what_nobody_holds_is_forgotten_with_all_its_keys() -> None:
    workshop = Workshop()
    held = [workshop.make(EDS, number, empty) for number in range(5)]
    del held
    assert not workshop._made
    assert not workshop._further
