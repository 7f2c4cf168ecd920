"""Which virtual host serves an authority, as Envoy decides it, and which hosts a wildcard would swallow."""

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.translate.routes.simulate import find_virtual_host

from ostria.translate.on_demand.directory import Directory, without_port

LABELS = st.sampled_from(("a", "b", "*", "x-a", "A"))
DOMAINS = st.one_of(
    st.lists(LABELS.filter(lambda label: label != "*"), min_size=1, max_size=3).map(".".join),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=2).map(lambda labels: "*." + ".".join(labels)),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=2).map(lambda labels: ".".join(labels) + ".*"),
    st.sampled_from(("*", "*-a.b", "*a")),
)
TOWNS = st.lists(DOMAINS, unique_by=str.lower, max_size=8).flatmap(
    lambda domains: st.lists(st.integers(0, 3), min_size=len(domains), max_size=len(domains)).map(
        lambda owners: {f"r/{owner}": tuple(d for d, o in zip(domains, owners, strict=True) if o == owner) for owner in sorted(set(owners))}
    )
)
AUTHORITIES = st.builds(
    lambda labels, port: ".".join(labels) + port,
    st.lists(st.sampled_from(("a", "b", "c", "x-a", "A")), min_size=1, max_size=4),
    st.sampled_from(("", ":80")),
)


def config(hosts: dict[str, tuple[str, ...]], *, ignore_port: bool = True) -> RouteConfiguration:
    found = RouteConfiguration(ignore_port_in_host_matching=ignore_port)
    for name, domains in hosts.items():
        found.virtual_hosts.add(name=name, domains=domains)
    return found


@given(TOWNS, AUTHORITIES, st.booleans())
def test_it_finds_the_host_that_envoy_would(hosts: dict[str, tuple[str, ...]], authority: str, ignore_port: bool) -> None:
    directory = Directory(hosts, ignore_port=ignore_port)
    found = directory.serving(directory.plain(authority)) or directory.everything
    wanted = find_virtual_host(config(hosts, ignore_port=ignore_port), authority)
    assert found == (wanted.name if wanted is not None else "")


@given(TOWNS, st.sets(st.integers(0, 3)), AUTHORITIES)
def test_with_those_that_a_chosen_one_swallows_no_request_meets_the_wrong_host(
    hosts: dict[str, tuple[str, ...]], chosen: set[int], authority: str
) -> None:
    directory = Directory(hosts, ignore_port=True)
    names = {name for name in (f"r/{owner}" for owner in chosen) if name in hosts}
    there = names | directory.swallowed(names)
    met = find_virtual_host(config({name: domains for name, domains in hosts.items() if name in there}), authority)
    right = find_virtual_host(config(hosts), authority)
    assert met is None or (right is not None and met.name == right.name)


@pytest.mark.parametrize(
    ("authority", "plain"),
    [
        ("reviews:9080", "reviews"),
        ("reviews", "reviews"),
        ("reviews:", "reviews:"),
        ("reviews:x", "reviews:x"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("", ""),
    ],
)
def test_a_port_is_told_from_a_name(authority: str, plain: str) -> None:
    assert without_port(authority) == plain
