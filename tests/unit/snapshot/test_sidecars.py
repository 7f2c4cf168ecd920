"""Visibility: exportTo, and what Sidecars import."""

import pytest
from tests.unit.snapshot.yamls import sidecar, thing, virtual_service
from tests.unit.world import Village, host, pod, service

from ostria.registry.model import Service
from ostria.snapshot.view import View

_TOWN = (
    service("web", ("http", 80), ("admin", 81))
    + service("reviews", ("http", 80), namespace="shop")
    + service("stock", ("http", 90), namespace="shop")
    + service("secret", ("http", 80), namespace="shop", annotations={"networking.istio.io/exportTo": "."})
    + pod("web-1", "10.0.0.1")
    + pod("other-1", "10.0.0.2")
    + pod("reviews-1", "10.0.0.3", "shop")
)


def _names(services: tuple[Service, ...]) -> list[str]:
    return [s.host.removesuffix(".svc.cluster.local") for s in services]


def _listeners(view: View) -> list[list[str]]:
    return [_names(listener.services) for listener in view.egress]


def test_without_a_sidecar_everything_exported_is_visible() -> None:
    village = Village(_TOWN)
    assert _listeners(village.view("web-1")) == [["reviews.shop", "stock.shop", "web.default"]]
    assert _listeners(village.view("reviews-1", "shop")) == [["reviews.shop", "secret.shop", "stock.shop", "web.default"]]


def test_the_mesh_may_keep_services_at_home_by_default() -> None:
    assert _listeners(Village(_TOWN, {"defaultServiceExportTo": ["."]}).view("web-1")) == [["web.default"]]


@pytest.mark.parametrize("scoped", ["", sidecar("egress: [{hosts: ['*/*']}]")])
def test_of_entries_for_one_host_the_clients_own_namespaces_counts(scoped: str) -> None:
    spec = "hosts: [api.example.com], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}]"
    older, own = (thing("ServiceEntry", "api", spec, ns, f"200{y}-01-01T00:00:00Z") for y, ns in enumerate(("shop", "default")))
    village = Village(_TOWN + older + own + scoped)

    def owner(name: str, namespace: str) -> str:
        (found,) = (s for s in village.view(name, namespace).services() if s.host == "api.example.com")
        return found.namespace

    assert owner("web-1", "default") == "default"
    assert owner("reviews-1", "shop") == "shop"
    assert owner("far", "far") == "shop"


def test_a_workloads_own_sidecar_beats_the_namespaces_beats_the_roots() -> None:
    village = Village(_TOWN + sidecar("egress: [{hosts: ['shop/*']}]", namespace="istio-system"))
    assert _listeners(village.view("web-1")) == [["reviews.shop", "stock.shop"]]
    village.put(sidecar("egress: [{hosts: ['./*']}]"))
    assert _listeners(village.view("web-1")) == [["web.default"]]
    village.put(sidecar("workloadSelector: {labels: {app: web}}, egress: [{hosts: ['~/*']}]", "mine"))
    assert _listeners(village.view("web-1")) == [[]]
    assert _listeners(village.view("other-1")) == [["web.default"]]


def test_dot_means_the_proxys_namespace_also_in_the_roots_default() -> None:
    village = Village(_TOWN + sidecar("egress: [{hosts: ['./*']}]", namespace="istio-system"))
    assert _listeners(village.view("web-1")) == [["web.default"]]
    assert _listeners(village.view("reviews-1", "shop")) == [["reviews.shop", "secret.shop", "stock.shop"]]


def test_hosts_are_imported_one_by_one() -> None:
    village = Village(_TOWN + sidecar("egress: [{hosts: [shop/reviews.shop.svc.cluster.local, '*/web.default.svc.cluster.local']}]"))
    assert _listeners(village.view("web-1")) == [["reviews.shop", "web.default"]]


def test_a_listener_with_a_port_carries_that_port_only() -> None:
    village = Village(
        _TOWN
        + sidecar(
            "egress: [{port: {number: 80, protocol: HTTP, name: http}, bind: 127.0.0.1, captureMode: NONE, hosts: ['*/*']}, {hosts: ['shop/*']}]"
        )
    )
    view = village.view("web-1")
    first, second = view.egress
    assert [(s.host, [p.number for p in s.ports]) for s in first.services] == [(host("reviews", "shop"), [80]), (host("web"), [80])]
    assert (first.port.number if first.port else 0, first.bind, first.captured) == (80, "127.0.0.1", False)
    assert _names(second.services) == ["reviews.shop", "stock.shop"]
    assert [(s.host.partition(".")[0], len(s.ports)) for s in view.services()] == [("reviews", 1), ("stock", 1), ("web", 1)]
    assert view.egress[0].services[1] is village.view("other-1").egress[0].services[1]


def test_a_virtual_service_brings_the_services_that_it_names() -> None:
    route = virtual_service("v", "hosts: [web], http: [{route: [{destination: {host: stock.shop.svc.cluster.local}}]}]")
    view = Village(_TOWN + route + sidecar("egress: [{hosts: ['./*']}]")).view("web-1")
    assert _listeners(view) == [["web.default"]]
    assert _names(view.services()) == ["stock.shop", "web.default"]


def test_a_listener_has_the_virtual_services_of_what_it_imports() -> None:
    routes = "http: [{route: [{destination: {host: web}}]}]"
    village = Village(
        _TOWN
        + virtual_service("mine", f"hosts: [web], {routes}")
        + virtual_service("theirs", f"hosts: [reviews], {routes}", "shop")
        + virtual_service("wild", f"hosts: ['*.cluster.local'], {routes}", "shop")
        + sidecar("egress: [{hosts: ['./*']}, {hosts: [shop/reviews.shop.svc.cluster.local]}]")
    )
    assert [[vs.owner.name for vs in listener.virtual_services] for listener in village.view("web-1").egress] == [
        ["mine"],
        ["theirs", "wild"],
    ]


def test_where_unknown_traffic_goes() -> None:
    village = Village(_TOWN)
    assert village.view("web-1").outbound_policy.allow_any
    village.set_mesh(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"})
    assert not village.view("web-1").outbound_policy.allow_any
    village.put(sidecar("outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: web, port: {number: 80}}}"))
    policy = village.view("web-1").outbound_policy
    assert policy.allow_any
    assert policy.egress_proxy is not None
    assert policy.egress_proxy.host == host("web")


def test_an_egress_proxy_is_reachable_though_nothing_imports_it() -> None:
    village = Village(
        _TOWN
        + sidecar("egress: [{hosts: ['shop/*']}], outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: web, port: {number: 80}}}")
    )
    assert village.view("web-1").service(host("web")) is not None


def test_proxies_of_one_namespace_share_one_view() -> None:
    village = Village(_TOWN + sidecar("egress: [{hosts: ['./*']}]"))
    assert village.view("web-1") is village.view("other-1")
    assert village.view("web-1") is not village.view("reviews-1", "shop")
    assert village.view("reviews-1", "shop").egress[0].services[0] is village.snapshot.world.services.by_host[host("reviews", "shop")][0]
