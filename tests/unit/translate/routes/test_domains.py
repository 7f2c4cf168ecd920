"""No domain stands twice in a route configuration, whatever services and VirtualServices claim."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.translate.routes.villages import service, village, virtual_service

from ostria.registry.model import Protocol
from ostria.translate import routes
from ostria.translate.routes.domains import Taken, short_names

NAMES = st.sampled_from(["a", "b", "A.b", "a.b", "a.com", "b.com", "com.a", "*.b.com", "*.com"])
SPACES = st.sampled_from(["b", "com", "default", "svc"])
ADDRESSES = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.0/8", "10.0.0.1/32", "::1", "0.0.0.0"]), max_size=2).map(tuple)
PROTOCOLS = st.sampled_from([Protocol.HTTP, Protocol.AUTO, Protocol.TCP])


@st.composite
def services(draw: st.DrawFn) -> object:
    ports = draw(st.lists(st.tuples(st.sampled_from([80, 81]), PROTOCOLS), min_size=1, max_size=2, unique_by=lambda p: p[0]))
    return service(draw(NAMES), *ports, namespace=draw(SPACES), addresses=draw(ADDRESSES), headless=draw(st.booleans()))


@st.composite
def virtual_services(draw: st.DrawFn) -> object:
    hosts = draw(st.lists(NAMES | st.just("*"), min_size=1, max_size=3))
    quoted = ", ".join(f"'{h}'" for h in hosts)
    return virtual_service(f"{{hosts: [{quoted}], http: [{{route: [{{destination: {{host: x}}}}]}}]}}", namespace=draw(SPACES))


@given(
    st.lists(services(), max_size=6, unique_by=lambda s: s.host),
    st.lists(virtual_services(), max_size=4),
    SPACES,
    st.sampled_from([0, 15007]),
)
def test_domains_and_names_are_unique(some: list, steering: list, namespace: str, proxy: int) -> None:  # type: ignore[type-arg]
    keys = routes.keys(village(*some, virtual_services=steering, namespace=namespace, http_proxy_port=proxy))
    assert len({k.name for k in keys}) == len(keys)
    for key in keys:
        domains = [d.lower() for h in key.hosts for d in h.domains]
        assert len(set(domains)) == len(domains)
        assert len({h.name for h in key.hosts}) == len(key.hosts)
        assert all(h.domains for h in key.hosts)


@given(st.lists(services(), max_size=6, unique_by=lambda s: s.host))
def test_every_service_keeps_its_full_name(some: list) -> None:  # type: ignore[type-arg]
    for key in routes.keys(village(*some)):
        owners = {d: h.name for h in key.hosts for d in h.domains}
        for name in (s.host for s in some if f"{s.host}:{key.name}" in owners.values()):
            assert owners[name].startswith(f"{name}:")


def test_first_come_first_served_without_regard_to_case() -> None:
    taken = Taken(["b"], reserved=["*"])
    assert taken.claim(("A",), ("A", "c", "b", "*")) == ("A", "c")
    assert taken.claim(("b",), ("b", "a", "C", "d")) == ("b", "d")


def test_short_names_at_home_and_abroad() -> None:
    host = "reviews.default.svc.cluster.local"
    assert short_names(host, "default") == ("reviews", "reviews.default.svc", "reviews.default")
    assert short_names(host, "other") == ("reviews.default", "reviews.default.svc")
    assert short_names("pod-0.db.default.svc.cluster.local", "default") == ("pod-0.db.default", "pod-0.db.default.svc")
    assert short_names("api.example.com", "default") == ()
    assert "*" not in short_names("*.default.svc.cluster.local", "default")
