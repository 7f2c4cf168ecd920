"""Virtual addresses: stable, apart from each other, inside their networks."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from ostria.registry.model import Host
from ostria.registry.virtual_ips import Claim, allocate

_CLAIM = st.builds(
    Claim, st.sampled_from(["", "2024-01-01T00:00:00Z"]), st.sampled_from(["a", "b"]), st.integers(0, 500).map(lambda n: Host(f"h{n}.com"))
)


@given(st.lists(_CLAIM, max_size=300))
def test_every_host_has_addresses_of_its_own(claims: list[Claim]) -> None:
    given_out = allocate(claims)
    assert given_out.keys() == {(c.namespace, c.host) for c in claims}
    for version, network in enumerate((ip_network("240.240.0.0/16"), ip_network("2001:2::/48"))):
        addresses = [pair[version] for pair in given_out.values()]
        assert len(set(addresses)) == len(addresses)
        assert all(ip_address(a) in network for a in addresses)


@given(st.lists(_CLAIM, min_size=1, max_size=50))
def test_order_of_arrival_does_not_matter(claims: list[Claim]) -> None:
    assert allocate(claims) == allocate(reversed(claims))


def test_a_younger_host_never_takes_an_older_ones_address() -> None:
    old = [Claim("2020-01-01T00:00:00Z", "a", Host(f"old{n}.com")) for n in range(3000)]
    young = [Claim("2024-01-01T00:00:00Z", "a", Host(f"young{n}.com")) for n in range(3000)]
    before, after = allocate(old), allocate(old + young)
    assert all(after[name] == addresses for name, addresses in before.items())
