"""ServiceEntries in all their forms."""

import pytest
from tests.unit.world import Village, host, pod, service

from ostria.registry.model import EndpointSet, Host, Namespace, Resolution, Service, TlsMode


def _entry(name: str, spec: str, namespace: str = "default", created: str = "") -> str:
    stamp = f", creationTimestamp: '{created}'" if created else ""
    return f"---\n{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: {name}, namespace: {namespace}{stamp}}}, spec: {{{spec}}}}}\n"


def _service(village: Village, name: str = "a.example.com") -> Service:
    return village.snapshot.world.services.by_host[Host(name)][0]


def _endpoints(village: Village, name: str = "a.example.com", port: int = 80) -> EndpointSet:
    found = _service(village, name)
    return village.snapshot.world.endpoints[found.host, found.namespace][port]


_HTTP = "ports: [{number: 80, name: http, protocol: HTTP}]"


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        ("NONE", Resolution.PASSTHROUGH),
        ("STATIC", Resolution.EDS),
        ("DNS", Resolution.DNS),
        ("DNS_ROUND_ROBIN", Resolution.DNS_ROUND_ROBIN),
        ("DYNAMIC_DNS", Resolution.DYNAMIC_DNS),
    ],
)
def test_resolutions(resolution: str, expected: Resolution) -> None:
    assert _service(Village(_entry("a", f"hosts: [a.example.com], {_HTTP}, resolution: {resolution}"))).resolution is expected


def test_without_endpoints_dns_is_asked_for_the_host_itself() -> None:
    found = _endpoints(Village(_entry("a", f"hosts: [a.example.com], {_HTTP}, resolution: DNS")))
    assert [(e.address, e.port, e.tls_mode) for e in found.endpoints] == [("a.example.com", 80, TlsMode.DISABLED)]


def test_endpoints_have_ports_weight_locality_network_and_identity_of_their_own() -> None:
    spec = (
        "hosts: [a.example.com], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, "
        "endpoints: [{address: 10.0.0.1, weight: 3, locality: eu/eu-1/rack, network: blue, ports: {http: 9090}, serviceAccount: robot}, {address: 10.0.0.2, labels: {istio-locality: us.us-1}}, {address: 'unix:///run/s'}]"
    )
    first, second, third = _endpoints(Village(_entry("a", spec))).endpoints
    assert (first.port, first.weight, first.locality, first.network) == (9090, 3, ("eu", "eu-1", "rack"), "blue")
    assert (first.service_account, first.tls_mode) == ("spiffe://cluster.local/ns/default/sa/robot", TlsMode.ISTIO)
    assert (second.port, second.tls_mode, second.locality) == (8080, TlsMode.DISABLED, ("us", "us-1", ""))
    assert (third.address, third.port) == ("unix:///run/s", 0)


def test_each_host_is_a_service_with_all_addresses() -> None:
    village = Village(
        _entry(
            "a",
            f"hosts: [a.example.com, B.example.com], addresses: [10.2.0.1, 10.3.0.0/16], {_HTTP}, resolution: STATIC, subjectAltNames: [x]",
        )
    )
    for name in ("a.example.com", "b.example.com"):
        assert _service(village, name).addresses == ("10.2.0.1", "10.3.0.0/16")
        assert _service(village, name).accounts == ("x",)


def test_location_decides_whether_it_is_outside() -> None:
    assert _service(Village(_entry("a", f"hosts: [a.example.com], {_HTTP}"))).external
    assert not _service(Village(_entry("a", f"hosts: [a.example.com], {_HTTP}, location: MESH_INTERNAL"))).external


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        ("hosts: [a.example.com], resolution: DNS", True),
        ("hosts: [a.example.com], resolution: STATIC", True),
        ("hosts: [a.example.com], resolution: NONE", False),
        ("hosts: ['*.example.com'], resolution: DYNAMIC_DNS", False),
        ("hosts: [a.example.com], addresses: [10.2.0.1], resolution: DNS", False),
    ],
)
def test_virtual_addresses_only_where_they_tell_hosts_apart(spec: str, given: bool) -> None:
    village = Village(_entry("a", f"{spec}, {_HTTP}"))
    (services,) = village.snapshot.world.services.by_host.values()
    assert bool(services[0].auto_addresses) == given


def test_a_selector_finds_machines_and_ready_pods() -> None:
    entry = "---\n{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm, namespace: default}, spec: {address: 10.9.0.1, labels: {app: db}, weight: 5}}\n"
    elsewhere = entry.replace("namespace: default", "namespace: other").replace("10.9.0.1", "10.9.0.2")
    village = Village(
        _entry("a", f"hosts: [a.example.com], {_HTTP}, resolution: STATIC, workloadSelector: {{labels: {{app: db}}}}")
        + pod("db-1", "10.0.0.1")
        + pod("db-2", "10.0.0.2", ready=False)
        + entry
        + elsewhere
    )
    assert [(e.address, e.weight) for e in _endpoints(village).endpoints] == [("10.0.0.1", 1), ("10.9.0.1", 5)]
    village.delete("WorkloadEntry", "vm")
    assert [e.address for e in _endpoints(village).endpoints] == ["10.0.0.1"]


def test_a_kubernetes_service_keeps_its_name_against_an_older_entry() -> None:
    squatter = _entry("a", f"hosts: [web.default.svc.cluster.local], {_HTTP}, resolution: DNS", "evil", "2000-01-01T00:00:00Z")
    village = Village(service("web", ("http", 80), created="2024-01-01T00:00:00Z") + squatter)
    assert [s.owner.kind for s in village.snapshot.world.services.by_host[host("web")]] == ["Service", "ServiceEntry"]


def test_an_entry_for_a_kubernetes_host_in_its_namespace_adds_endpoints() -> None:
    extra = _entry("a", f"hosts: [web.default.svc.cluster.local], {_HTTP}, resolution: STATIC, endpoints: [{{address: 10.9.0.1}}]")
    village = Village(service("web", ("http", 80)) + pod("web-1", "10.0.0.1") + extra)
    assert [e.address for e in _endpoints(village, host("web")).endpoints] == ["10.0.0.1", "10.9.0.1"]


def test_entries_of_one_host_in_one_namespace_add_up() -> None:
    village = Village(
        _entry(
            "a", f"hosts: [a.example.com], {_HTTP}, resolution: STATIC, endpoints: [{{address: 10.9.0.1}}]", created="2024-01-01T00:00:00Z"
        )
        + _entry(
            "b",
            "hosts: [a.example.com], ports: [{number: 81, name: http-b, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.9.0.2}]",
            created="2024-01-02T00:00:00Z",
        )
    )
    assert [p.number for p in _service(village).ports] == [80, 81]
    assert [e.address for e in _endpoints(village, port=81).endpoints] == ["10.9.0.2"]


def test_disabled_mutual_tls_reaches_the_endpoints_port_by_port() -> None:
    policy = "---\n{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: p, namespace: default}, spec: {selector: {matchLabels: {app: web}}, portLevelMtls: {'8080': {mode: DISABLE}}}}"
    village = Village(service("web", ("http", 80, 8080), ("more", 81, 8081)) + pod("web-1", "10.0.0.1"))
    before = {port: _endpoints(village, host("web"), port) for port in (80, 81)}
    village.put(policy)
    after = {port: _endpoints(village, host("web"), port) for port in (80, 81)}
    assert after[80].endpoints[0].tls_mode is TlsMode.DISABLED
    assert after[81] is before[81]


@pytest.mark.parametrize(
    ("resolution", "found"), [("STATIC", ["10.9.0.1"]), ("NONE", ["10.9.0.1"]), ("DNS", ["10.9.0.1", "vm.example.com"])]
)
def test_only_dns_finds_a_selected_entry_that_has_a_name_for_an_address(resolution: str, found: list[str]) -> None:
    entries = "".join(
        f"---\n{{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {{name: vm{i}, namespace: default}}, "
        f"spec: {{address: {address}, labels: {{app: vm}}}}}}\n"
        for i, address in enumerate(("vm.example.com", "10.9.0.1"))
    )
    spec = f"hosts: [a.example.com], {_HTTP}, resolution: {resolution}, workloadSelector: {{labels: {{app: vm}}}}"
    village = Village(entries + _entry("a", spec) + service("vm", ("http", 80)))
    assert [e.address for e in _endpoints(village).endpoints] == found
    machines = village.snapshot.world.endpoints[host("vm"), Namespace("default")][80]
    assert [e.address for e in machines.endpoints] == ["10.9.0.1"]
