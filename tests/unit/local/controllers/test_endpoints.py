"""Services find their pods: slices, names, and rules for those without a sidecar."""

from dnslib import DNSRecord
from tests.unit.local.pods import pod, service

from ostria.local.controllers.endpoints import endpoint_slices, unserved
from ostria.local.dns.cluster import answer, names
from ostria.local.network.service_rules import services as rules
from ostria.local.network.virtual_addresses import virtual_ports


def slices(found, *pods, families=("IPv4",)):
    return endpoint_slices(found, pods, families)


def test_ready_pods_that_the_selector_finds_stand_behind_the_service():
    (part,) = slices(
        service(), pod("a", "10.244.0.20"), pod("b", "10.244.0.21", ready=False), pod("c", "10.244.0.22", labels={"app": "other"})
    )
    assert [(e.addresses[0], e.conditions.ready) for e in part.endpoints] == [("10.244.0.20", True), ("10.244.0.21", False)]
    assert part.metadata.labels["kubernetes.io/service-name"] == "web"


def test_a_pod_that_ends_is_no_longer_ready():
    (part,) = slices(service(), pod("a", "10.244.0.20", ending=True))
    assert part.endpoints[0].conditions.ready is False
    assert part.endpoints[0].conditions.terminating is True


def test_a_named_port_may_be_another_number_in_each_pod():
    found = slices(
        service(ports=(("http", 80, "web"),)), pod("a", "10.0.0.1", ports=[("web", 8080)]), pod("b", "10.0.0.2", ports=[("web", 9090)])
    )
    assert sorted(part.ports[0].port for part in found) == [8080, 9090]


def test_another_namespace_has_its_own():
    assert slices(service(namespace="other"), pod("a", "10.0.0.1")) == []


def ask(known, name, kind="A"):
    return answer(DNSRecord.question(name, kind), known)


def test_a_service_resolves_to_its_virtual_address():
    known = names([(service(), ("10.96.0.5",))], [])
    assert [str(r.rdata) for r in ask(known, "web.default.svc.cluster.local").rr] == ["10.96.0.5"]
    assert ask(known, "web.default.svc.cluster.local", "AAAA").header.rcode == 0
    assert ask(known, "nobody.default.svc.cluster.local").header.rcode == 3
    assert ask(known, "example.com") is None, "names of the world are someone else's"


def test_a_headless_service_resolves_to_its_ready_pods_by_name_too():
    headless = service("db", (("sql", 5432, None),), cluster_ip="None")
    parts = slices(headless, pod("db-0", "10.0.0.1", hostname="db-0", subdomain="db"), pod("db-1", "10.0.0.2", ready=False))
    known = names([(headless, ())], parts)
    assert [str(r.rdata) for r in ask(known, "db.default.svc.cluster.local").rr] == ["10.0.0.1"]
    assert [str(r.rdata) for r in ask(known, "db-0.db.default.svc.cluster.local").rr] == ["10.0.0.1"]
    (record,) = ask(known, "_sql._tcp.db.default.svc.cluster.local", "SRV").rr
    assert (record.rdata.port, str(record.rdata.target)) == (5432, "db-0.db.default.svc.cluster.local.")


def test_an_external_name_is_an_alias():
    known = names([(service("out", type="ExternalName", external_name="Example.com."), ())], [])
    assert str(ask(known, "out.default.svc.cluster.local").rr[0].rdata) == "example.com."


def test_a_pods_own_name_says_its_address():
    assert str(ask(names([], []), "10-244-3-7.default.pod.cluster.local").rr[0].rdata) == "10.244.3.7"


def test_rules_spread_evenly_over_ready_endpoints():
    parts = slices(service(), pod("a", "10.0.0.1"), pod("b", "10.0.0.2"), pod("c", "10.0.0.3", ready=False))
    text = rules(4, list(virtual_ports([service()], lambda _: ("10.96.0.5",), parts)))
    lines = [line for line in text.splitlines() if "DNAT" in line]
    assert len(lines) == 2
    assert "--probability 0.5" in lines[0]
    assert "--probability" not in lines[1]
    assert lines[1].endswith("--to-destination 10.0.0.2:80")


def test_a_service_without_endpoints_refuses_at_once():
    text = rules(4, list(virtual_ports([service()], lambda _: ("10.96.0.5",), [])))
    assert "-d 10.96.0.5 -p tcp --dport 80 -j REJECT --reject-with tcp-reset" in text


class TestNobodyAnswers:
    def test_no_pod_has_the_labels(self):
        advice = unserved(service(selector={"app": "nobody"}), [pod("a", "10.0.0.1")])
        assert advice is not None
        assert "app=nobody" in advice.message

    def test_no_pod_is_ready(self):
        advice = unserved(service(), [pod("a", "10.0.0.1", ready=False), pod("b", "10.0.0.2", ending=True)])
        assert advice is not None
        assert "none of its 2 pods is ready" in advice.message

    def test_no_pod_has_the_port(self):
        advice = unserved(service(ports=(("http", 80, "web"),)), [pod("a", "10.0.0.1", ports=[("http", 80)])])
        assert advice is not None
        assert "container port named web" in advice.message

    def test_somebody_does_or_nobody_is_looked_for(self):
        assert unserved(service(), [pod("a", "10.0.0.1")]) is None
        assert unserved(service(selector={}), []) is None
