"""A mesh's folders follow the XDG rules, and its sockets' paths stay short enough to bind."""

from pathlib import Path

import pytest

from ostria.local.places import BadName, places


def test_state_and_sockets_follow_xdg():
    found = places("demo", 1000, {"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/1000"})
    assert found.objects == Path("/home/u/.local/state/ostria/demo/objects")
    assert found.control == Path("/run/user/1000/ostria/demo/control.sock")


def test_without_a_runtime_folder_sockets_go_to_a_private_temporary_one():
    assert places("demo", 1000, {"HOME": "/home/u"}).control == Path("/tmp/ostria-1000/demo/control.sock")


def test_a_long_runtime_folder_gives_way():
    assert places("demo", 7, {"HOME": "/h", "XDG_RUNTIME_DIR": "/" + "x" * 90}).run == Path("/tmp/ostria-7/demo")


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "-a", "a" * 41])
def test_names_that_would_leave_their_folder_are_refused(name):
    with pytest.raises(BadName):
        places(name, 1, {})
