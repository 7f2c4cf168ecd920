"""Short names, wildcards and which pattern is the most specific."""

from hypothesis import given
from hypothesis import strategies as st

from ostria.registry.hosts import covers, matches, most_specific, namespace_of, qualified, wildcards_above
from ostria.registry.model import Host

_LABEL = st.sampled_from(["a", "b", "c", "svc"])
_HOST = st.lists(_LABEL, min_size=1, max_size=4).map(".".join)
_PATTERN = st.one_of(_HOST, _HOST.map(lambda host: f"*.{host}"), st.just("*"))


def test_a_short_name_means_its_objects_namespace() -> None:
    assert qualified("Reviews", "shop", "cluster.local") == "reviews.shop.svc.cluster.local"
    assert qualified("reviews.other", "shop", "cluster.local") == "reviews.other"
    assert qualified("*.example.com", "shop", "cluster.local") == "*.example.com"
    assert qualified("*", "shop", "cluster.local") == "*"


def test_the_namespace_in_a_kubernetes_host() -> None:
    assert namespace_of("reviews.shop.svc.cluster.local", "cluster.local") == "shop"
    assert namespace_of("example.com", "cluster.local") is None


def test_the_longest_pattern_wins() -> None:
    table = {Host("*"): 1, Host("*.com"): 2, Host("*.a.com"): 3, Host("x.a.com"): 4}
    assert [most_specific(h, table) for h in ("x.a.com", "y.a.com", "y.b.com", "y.org", "*.a.com", "*.z.a.com")] == [4, 3, 2, 1, 3, 3]


def test_a_wildcard_does_not_cover_the_bare_domain() -> None:
    assert not covers("*.a.com", "a.com")
    assert matches("a.b.com", "*.b.com")


@given(_PATTERN, _PATTERN)
def test_the_wildcards_above_a_host_are_those_that_cover_it(pattern: str, host: str) -> None:
    above = {host, *wildcards_above(host)}
    assert (pattern in above) == covers(pattern, host)
