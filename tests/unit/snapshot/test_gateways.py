"""What a router serves."""

from tests.unit.snapshot.yamls import gateway, virtual_service
from tests.unit.world import Village, pod, service

from ostria.snapshot.view import ProxyType, View

_INGRESS = {"istio": "ingressgateway"}
_TOWN = (
    pod("gw-1", "10.0.0.1", "istio-system", labels=_INGRESS)
    + service("istio-ingressgateway", ("http2", 80, 8080), ("https", 443, 8443), namespace="istio-system", selector=_INGRESS)
    + service("web", ("http", 80))
)
_SERVER = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}"
_ROUTE = "http: [{route: [{destination: {host: web}}]}]"


def _view(village: Village) -> View:
    return village.view("gw-1", "istio-system", type=ProxyType.ROUTER)


def test_it_listens_on_the_target_port_of_its_service() -> None:
    servers = _view(
        Village(
            _TOWN
            + gateway(
                "g",
                f"selector: {{istio: ingressgateway}}, servers: [{_SERVER}, {{port: {{number: 31400, name: tcp, protocol: TCP}}, hosts: ['*']}}]",
            )
        )
    ).servers
    assert [(s.server.port.number, s.bind_port) for s in servers] == [(80, 8080), (31400, 31400)]


def test_gateways_of_any_namespace_select_it_by_its_labels() -> None:
    village = Village(
        _TOWN
        + gateway("mine", f"selector: {{istio: ingressgateway}}, servers: [{_SERVER}]", "shop")
        + gateway("other", f"selector: {{istio: egressgateway}}, servers: [{_SERVER}]")
        + gateway("any", f"servers: [{_SERVER}]")
    )
    assert [s.owner.name for s in _view(village).servers] == ["any", "mine"]


def test_virtual_services_reach_the_servers_that_admit_their_namespace_and_host() -> None:
    servers = "[{port: {number: 80, name: a, protocol: HTTP}, hosts: [shop/*.com]}, {port: {number: 81, name: b, protocol: HTTP}, hosts: [./a.com, '*/b.com']}]"
    village = Village(
        _TOWN
        + gateway("g", f"selector: {{istio: ingressgateway}}, servers: {servers}")
        + virtual_service("a", f"hosts: [a.com], gateways: [istio-system/g], {_ROUTE}", "shop")
        + virtual_service("b", f"hosts: [b.com], gateways: [istio-system/g], {_ROUTE}", "far")
        + virtual_service("c", f"hosts: [a.com], gateways: [g], {_ROUTE}", "istio-system")
        + virtual_service("d", f"hosts: [a.com], {_ROUTE}", "shop")
        + virtual_service("e", f"hosts: [b.com], gateways: [istio-system/g], exportTo: [.], {_ROUTE}", "far")
    )
    assert [[vs.owner.name for vs in s.virtual_services] for s in _view(village).servers] == [["b", "c"], ["a"]]


def test_a_router_without_a_service_listens_on_the_port_itself() -> None:
    village = Village(
        pod("gw-1", "10.0.0.1", "istio-system", labels=_INGRESS)
        + gateway("g", f"selector: {{istio: ingressgateway}}, servers: [{_SERVER}]")
    )
    assert [s.bind_port for s in _view(village).servers] == [80]


def test_it_may_route_to_every_service_and_knows_no_sidecar() -> None:
    village = Village(
        _TOWN
        + "---\n{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default, namespace: istio-system}, spec: {egress: [{hosts: ['~/*']}]}}\n"
    )
    assert "web.default.svc.cluster.local" in [s.host for s in _view(village).services()]


def test_policies_that_select_the_router_are_in_its_view() -> None:
    policy = "---\n{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: istio-system}, spec: {selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{}]}}\n"
    village = Village(_TOWN)
    assert _view(village).security.authorization == ()
    village.put(policy)
    assert [p.owner.name for p in _view(village).security.authorization] == ["p"]


def test_a_server_stays_the_same_object_while_other_routes_change() -> None:
    village = Village(
        _TOWN
        + gateway("g", f"selector: {{istio: ingressgateway}}, servers: [{_SERVER}]")
        + virtual_service("a", f"hosts: [a.com], gateways: [istio-system/g], {_ROUTE}")
    )
    before = _view(village).servers
    village.put(virtual_service("b", f"hosts: [b.com], {_ROUTE}"))
    assert _view(village).servers[0] is before[0]
