"""Kubernetes Services, slices and pods as services and endpoints."""

from typing import Any

from tests.unit.world import Village, host, pod, service

from ostria.registry.model import EndpointSet, Protocol, Resolution, Service, TlsMode


def _service(village: Village, name: str = "web") -> Service:
    found = village.snapshot.world.services.by_host[host(name)]
    assert len(found) == 1
    return found[0]


def _endpoints(village: Village, name: str = "web", port: int = 80) -> EndpointSet:
    return village.snapshot.world.endpoints[host(name), _service(village, name).namespace][port]


def _addresses(village: Village, name: str = "web", port: int = 80) -> list[tuple[str, int]]:
    return [(e.address, e.port) for e in _endpoints(village, name, port).endpoints]


def _slice(endpoints: str, name: str = "web", ports: str = "[{name: http, port: 8080}]") -> str:
    return (
        f"{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: {name}-1, namespace: default, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}, addressType: IPv4, endpoints: {endpoints}, ports: {ports}}}"
    )


def test_a_service_has_the_pods_that_it_selects_on_their_target_port() -> None:
    village = Village(service("web", ("http", 80, "app"), ip="10.1.0.1") + pod("web-1", "10.0.0.1", ports=[("app", 8080)], account="shop"))
    assert _service(village).addresses == ("10.1.0.1",)
    assert _addresses(village) == [("10.0.0.1", 8080)]
    assert _endpoints(village).accounts == {"spiffe://cluster.local/ns/default/sa/shop"}


def test_a_headless_service_has_no_address_and_is_reached_at_its_pods() -> None:
    found = _service(Village(service("web", ("http", 80), clusterIP="None") + pod("web-1", "10.0.0.1")))
    assert (found.headless, found.addresses, found.resolution) == (True, (), Resolution.PASSTHROUGH)


def test_udp_ports_are_left_out() -> None:
    ports: list[dict[str, Any]] = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "http", "port": 80, "protocol": "TCP"}]
    assert [p.name for p in _service(Village(service("web", ports=ports))).ports] == ["http"]


def test_app_protocol_beats_the_port_name() -> None:
    village = Village(service("web", ports=[{"name": "http", "port": 80, "appProtocol": "tcp"}]))
    assert _service(village).ports[0].protocol is Protocol.TCP


def test_a_service_without_an_address_gets_the_one_that_an_ip_address_object_gives_it() -> None:
    village = Village(service("web", ("http", 80)))
    assert _service(village).addresses == ()
    for name in ("fd00::1", "10.1.0.9"):
        village.put(
            f"{{apiVersion: networking.k8s.io/v1, kind: IPAddress, metadata: {{name: '{name}'}}, spec: {{parentRef: {{resource: services, namespace: default, name: web}}}}}}"
        )
    assert _service(village).addresses == ("10.1.0.9", "fd00::1")


def test_annotations_say_who_may_see_it_and_who_runs_it() -> None:
    found = _service(
        Village(
            service(
                "web",
                ("http", 80),
                annotations={"networking.istio.io/exportTo": "., shop", "alpha.istio.io/kubernetes-serviceaccounts": "robot"},
            )
        )
    )
    assert found.export_to == {"default", "shop"}
    assert found.accounts == ("spiffe://cluster.local/ns/default/sa/robot",)


def test_local_traffic_stays_on_the_node() -> None:
    found = _service(Village(service("web", ("http", 80), internalTrafficPolicy="Local", trafficDistribution="PreferClose")))
    assert (found.internal_traffic_local, found.traffic_distribution) == (True, "PreferClose")


def test_endpoints_that_are_not_ready_are_left_out_unless_the_service_publishes_them() -> None:
    pieces = _slice("[{addresses: [10.0.0.1], conditions: {ready: false}}, {addresses: [10.0.0.2]}]")
    assert _addresses(Village(service("web", ("http", 80)) + "---\n" + pieces)) == [("10.0.0.2", 8080)]
    publishing = Village(service("web", ("http", 80), publishNotReadyAddresses=True) + "---\n" + pieces)
    assert _addresses(publishing) == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]


def test_an_endpoint_waits_for_its_pod() -> None:
    reference = "[{addresses: [10.0.0.1], targetRef: {kind: Pod, name: web-1, namespace: default}}]"
    village = Village(service("web", ("http", 80)) + "---\n" + _slice(reference))
    assert _addresses(village) == []
    village.put(pod("web-1", "10.0.0.1"))
    (endpoint,) = _endpoints(village).endpoints
    assert endpoint.tls_mode is TlsMode.ISTIO


def test_endpoints_objects_count_where_there_are_no_slices() -> None:
    old = "{apiVersion: v1, kind: Endpoints, metadata: {name: web, namespace: default}, subsets: [{addresses: [{ip: 10.0.0.5}], ports: [{name: http, port: 81}]}]}"
    village = Village(service("web", ("http", 80), selector={}) + "---\n" + old)
    assert _addresses(village) == [("10.0.0.5", 81)]
    village.put(_slice("[{addresses: [10.0.0.6]}]"))
    assert _addresses(village) == [("10.0.0.6", 8080)]


def test_a_pod_without_a_sidecar_is_called_in_plain_text() -> None:
    village = Village(service("web", ("http", 80)) + pod("web-1", "10.0.0.1", injected=False) + pod("web-2", "10.0.0.2"))
    assert [e.tls_mode for e in _endpoints(village).endpoints] == [TlsMode.DISABLED, TlsMode.ISTIO]


def test_a_label_overrides_what_injection_says_about_tls() -> None:
    village = Village(
        service("web", ("http", 80)) + pod("web-1", "10.0.0.1", labels={"app": "web", "security.istio.io/tlsMode": "disabled"})
    )
    assert _endpoints(village).endpoints[0].tls_mode is TlsMode.DISABLED


def test_an_injected_pod_without_the_label_is_a_gateway_and_serves_what_its_gateways_say() -> None:
    gateway = pod("web-1", "10.0.0.1", injected=False, annotations={"sidecar.istio.io/status": "{}"})
    assert _endpoints(Village(service("web", ("tcp", 80)) + gateway)).endpoints[0].tls_mode is TlsMode.DISABLED


def test_locality_comes_from_the_node() -> None:
    node = (
        "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1}}}"
    )
    village = Village(service("web", ("http", 80)) + pod("web-1", "10.0.0.1", node="n1"))
    assert not any(_endpoints(village).endpoints[0].locality)
    village.put(node)
    assert _endpoints(village).endpoints[0].locality == ("eu", "eu-1", "")


def test_a_workload_is_called_after_its_deployment() -> None:
    labels = {"app": "web", "version": "v2", "pod-template-hash": "abc12"}
    (endpoint,) = _endpoints(Village(service("web", ("http", 80)) + pod("web-v2-abc12-xyz", "10.0.0.1", labels=labels))).endpoints
    workload = endpoint.workload
    assert workload is not None
    assert (workload.workload_name, workload.canonical_service, workload.canonical_revision) == ("web-v2", "web", "v2")


def test_machines_that_a_service_selects_serve_beside_its_pods() -> None:
    entry = "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm, namespace: default}, spec: {address: 10.9.0.1, labels: {app: web}, ports: {http: 9999}, serviceAccount: vm}}"
    village = Village(service("web", ("http", 80)) + pod("web-1", "10.0.0.1") + "---\n" + entry)
    assert _addresses(village) == [("10.0.0.1", 80), ("10.9.0.1", 9999)]
    assert "spiffe://cluster.local/ns/default/sa/vm" in _endpoints(village).accounts


def test_an_external_name_is_an_alias_of_the_service_that_it_names() -> None:
    alias = service("friend", type="ExternalName", externalName="web.default.svc.cluster.local", selector={})
    village = Village(service("web", ("http", 80)) + alias + pod("client", "10.0.0.9"))
    assert _service(village).aliases == (host("friend"),)
    view = village.view("client")
    assert view.service(host("friend")) is view.service(host("web"))
    village.delete("Service", "friend")
    assert _service(village).aliases == ()


def test_aliases_that_go_round_in_a_circle_stand_for_nothing() -> None:
    village = Village(
        service("a", type="ExternalName", externalName="b.default.svc.cluster.local", selector={})
        + service("b", type="ExternalName", externalName="a.default.svc.cluster.local", selector={})
    )
    assert village.snapshot.world.services.by_host == {}
