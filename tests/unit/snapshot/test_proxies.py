"""Who a proxy is."""

from tests.unit.snapshot.yamls import thing
from tests.unit.world import Village, pod, service

_POD = pod("web-1", "10.0.0.1", account="web", node="n1")


def test_a_proxy_is_known_by_its_name_or_by_its_address() -> None:
    village = Village(_POD)
    for proxy in (village.proxy("web-1"), village.proxy("nobody", addresses=("10.0.0.1",))):
        assert proxy.workload is not None
        assert (proxy.labels["app"], proxy.service_account, proxy.node) == ("web", "web", "n1")


def test_only_workloads_of_its_own_namespace_count() -> None:
    assert Village(_POD).proxy("web-1", "other", addresses=("10.0.0.1",)).workload is None


def test_unauthenticated_metadata_is_believed_where_the_registry_knows_nothing() -> None:
    assert Village().proxy("vm", labels={"app": "vm"}).labels == {"app": "vm"}


def test_an_authenticated_proxy_gets_nothing_from_its_own_metadata() -> None:
    proxy = Village().proxy("vm", labels={"istio": "ingressgateway"}, authenticated=True)
    assert (proxy.labels, proxy.workload) == ({}, None)


def test_an_authenticated_proxy_is_only_the_workload_of_its_own_account() -> None:
    village = Village(_POD)
    assert village.proxy("web-1", authenticated=True, service_account="thief", labels={"app": "web"}).labels == {}
    assert village.proxy("web-1", authenticated=True, service_account="web").workload is not None


def test_a_workload_entry_is_a_machine() -> None:
    entry = thing("WorkloadEntry", "vm", "address: 10.9.0.1, labels: {app: vm}, serviceAccount: vm, locality: eu/a")
    proxy = Village(entry).proxy("anything", addresses=("10.9.0.1",), authenticated=True, service_account="vm")
    assert (proxy.labels, proxy.locality.zone) == ({"app": "vm"}, "a")


def test_the_same_claims_give_the_same_object_until_the_workload_changes() -> None:
    village = Village(_POD)
    claims = village.proxy("web-1")
    first = village.snapshot.complete(claims)
    village.put(service("other", ("http", 80)))
    assert village.snapshot.complete(claims) is first
    village.put(pod("web-1", "10.0.0.1", account="web", node="n1", labels={"app": "new"}))
    assert village.snapshot.complete(claims).labels["app"] == "new"
    assert {k.name for k in village.snapshot.changed.workloads} == {"web-1"}


def test_nothing_comes_in_while_nobody_knows_which_workload_an_identity_stands_beside() -> None:
    village = Village()
    (closed,) = village.inbound("web-1", authenticated=True, service_account="web").security.authorization
    assert (closed.spec.action, closed.spec.rules) == ("ALLOW", ())
    village.put(_POD)
    assert village.inbound("web-1", authenticated=True, service_account="web").security.authorization == ()
