"""Addresses stay with their names over restarts, and no two names share one."""

from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostria.local.network.addresses import Allocation

WIDE = (IPv4Network("10.244.0.0/16"), IPv6Network("fd00:10:244::/64"))
NARROW = (IPv4Network("10.0.0.0/27"), IPv6Network("fd00::/120"))


def test_a_name_keeps_its_address_when_everything_is_started_again():
    first = Allocation(WIDE)
    address = first.get("default/web-1")
    assert Allocation(WIDE, first.kept).get("default/web-1") == address
    assert Allocation(WIDE).get("default/web-1") == address


def test_both_families_have_the_same_offset():
    ipv4, ipv6 = Allocation(WIDE).get("default/web-1")
    assert int(ipv4) - int(WIDE[0].network_address) == int(ipv6) - int(WIDE[1].network_address)


@given(st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=15))
def test_no_two_names_share_an_address(names):
    allocation = Allocation(NARROW)
    assert len({allocation.get(name) for name in names}) == len(names)
    assert all(address in NARROW[0] for address, _ in map(allocation.get, names))


def test_a_full_network_is_an_error():
    allocation = Allocation(NARROW)
    for number in range(15):
        allocation.get(f"web-{number}")
    with pytest.raises(OverflowError, match="one-too-many"):
        allocation.get("one-too-many")


def test_a_damaged_state_file_is_no_trouble():
    kept = {"a": 3, "b": 3, "c": -1, "d": 10**9}
    allocation = Allocation(NARROW, kept)
    assert len({allocation.get(name) for name in kept}) == 4
