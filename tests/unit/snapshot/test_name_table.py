"""Which names DNS answers."""

from tests.unit.snapshot.yamls import thing
from tests.unit.world import Village, host, pod, service


def _names(village: Village) -> dict[str, tuple[str, ...]]:
    return {n.host: n.addresses for n in village.snapshot.name_table(village.view("web-1"))}


def _entry(spec: str) -> str:
    return thing("ServiceEntry", "e", f"{spec}, ports: [{{number: 80, name: http, protocol: HTTP}}]")


def test_a_service_answers_with_its_address_and_its_short_name() -> None:
    village = Village(service("web", ("http", 80), ip="10.1.0.1") + pod("web-1", "10.0.0.1"))
    (name,) = village.snapshot.name_table(village.view("web-1"))
    assert name == (host("web"), ("10.1.0.1",), "Kubernetes", "web", "default")


def test_a_headless_service_answers_with_its_pods_and_each_pods_own_name() -> None:
    village = Village(
        service("db", ("tcp", 5432), clusterIP="None") + pod("db-0", "10.0.0.2", hostname="db-0", subdomain="db") + pod("web-1", "10.0.0.1")
    )
    assert _names(village) == {host("db"): ("10.0.0.2",), f"db-0.{host('db')}": ("10.0.0.2",)}


def test_an_entry_answers_with_its_addresses_or_the_allocated_one() -> None:
    village = Village(pod("web-1", "10.0.0.1") + _entry("hosts: [a.com], addresses: [10.2.0.1, 10.3.0.0/16], resolution: STATIC"))
    assert _names(village) == {"a.com": ("10.2.0.1",)}
    village.put(_entry("hosts: [a.com], resolution: DNS"))
    ((address,),) = _names(village).values()
    assert address.startswith("240.240.")
    village.put(_entry("hosts: [a.com], resolution: NONE"))
    assert _names(village) == {}


def test_wildcard_hosts_without_addresses_have_no_name() -> None:
    assert _names(Village(pod("web-1", "10.0.0.1") + _entry("hosts: ['*.a.com'], resolution: NONE"))) == {}
