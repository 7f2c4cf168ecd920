"""A change costs what it touches: keys that stay equal are not built again."""

from tests.unit.translate.routes.villages import Village, destination_rule, service, village, virtual_service

from ostria.translate import routes

SERVICES = tuple(service(f"s{i}", 80, 8080, namespace=f"ns{i % 7}", addresses=(f"10.0.{i // 250}.{i % 250}",)) for i in range(1000))


STEADY = virtual_service("{hosts: [s7], http: [{route: [{destination: {host: s7}}]}]}", name="steady", namespace="ns0")


def hosts(view: Village) -> set[routes.VirtualHostKey]:
    return {h for key in routes.keys(view) for h in key.hosts}


def steer(subset: str) -> Village:
    changed = virtual_service(f"{{hosts: [s0], http: [{{route: [{{destination: {{host: s0, subset: {subset}}}}}]}}]}}", namespace="ns0")
    return village(*SERVICES, virtual_services=[changed, STEADY], namespace="ns0")


def test_a_virtual_services_change_touches_the_virtual_hosts_of_its_hosts_only() -> None:
    changed = hosts(steer("v1")) ^ hosts(steer("v2"))
    assert {h.name for h in changed} == {"s0.ns0.svc.cluster.local:80", "s0.ns0.svc.cluster.local:8080"}


def test_a_service_that_comes_anew_with_the_same_names_touches_nothing() -> None:
    again = service("s0", 80, 8080, namespace="ns0", addresses=("10.0.0.0",), labels=(("a", "b"),))
    assert hosts(village(*SERVICES)) == hosts(village(again, *SERVICES[1:]))


def test_a_destination_rule_touches_routes_only_where_it_hashes() -> None:
    plain = destination_rule("{host: s0, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}", namespace="ns0")
    hashed = destination_rule("{host: s0, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x}}}}", namespace="ns0")
    assert hosts(village(*SERVICES)) == hosts(village(*SERVICES, rules=[plain]))
    assert len(hosts(village(*SERVICES)) ^ hosts(village(*SERVICES, rules=[hashed]))) == 4


def test_namespaces_share_all_virtual_hosts_but_those_of_their_own_services() -> None:
    apart = hosts(village(*SERVICES, namespace="ns1")) ^ hosts(village(*SERVICES, namespace="ns2"))
    assert {h.name.split(".")[1] for h in apart} == {"ns1", "ns2"}
