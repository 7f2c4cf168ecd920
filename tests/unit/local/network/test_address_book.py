"""Addresses stay with their names from one start to the next."""

from tests.unit.local.pods import service

from ostria.local.network.address_book import AddressBook
from ostria.local.network.links import POD_NETWORKS


def book(path, name="pods"):
    return AddressBook(path / "addresses.json", name, POD_NETWORKS, pods_ipv6=True)


def test_a_mesh_that_starts_again_gives_the_same_addresses(tmp_path):
    first = book(tmp_path)
    before = first.pod("default", "web-1"), first.service(service("web"))
    first.keep()
    again = book(tmp_path)
    again.pod("default", "another")
    assert (again.pod("default", "web-1"), again.service(service("web"))) == before


def test_pods_with_and_without_capture_are_remembered_apart(tmp_path):
    first = book(tmp_path)
    first.pod("default", "web-1")
    first.keep()
    other = book(tmp_path, "loopback")
    other.pod("default", "web-2")
    other.keep()
    assert '"web-1"' not in (kept := (tmp_path / "addresses.json").read_text())
    assert "default/web-1" in kept
    assert "default/web-2" in kept


def test_an_address_chosen_by_hand_is_nobody_elses(tmp_path):
    taken = book(tmp_path).service(service("web"))[0]
    fresh = book(tmp_path)
    assert fresh.service(service("chosen", cluster_ip=taken)) == (taken,)
    assert fresh.service(service("web"))[0] != taken


def test_a_broken_file_costs_the_old_addresses_only(tmp_path):
    (tmp_path / "addresses.json").write_text("{")
    assert book(tmp_path).service(service("web"))


def test_headless_services_have_none(tmp_path):
    assert book(tmp_path).service(service("web", cluster_ip="None")) == ()
