"""The reference walkthrough, steps D, F, H, I, K and M, on Bookinfo as Istio's sample has it: each story runs as root and as an ordinary user."""

import json
import pathlib
import re

import httpx
import pytest
from tests.e2e.mesh import SAMPLES, Mesh, eventually, stars

BOOKINFO = SAMPLES / "bookinfo"
NETWORKING = BOOKINFO / "networking"
WALKTHROUGH = SAMPLES / "walkthrough"

pytestmark = [
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)"),
    pytest.mark.timeout(300),
]

FILES = [
    BOOKINFO / "kube/bookinfo.yaml",
    NETWORKING / "bookinfo-gateway.yaml",
    SAMPLES / "curl/curl.yaml",
    SAMPLES / "httpbin/httpbin.yaml",
    WALKTHROUGH / "00-nginx.yaml",
    WALKTHROUGH / "01-nginx-gateway.yaml",
]


@pytest.fixture(scope="module", params=["root", "rootless"])
def mesh(request, start):
    return start(FILES, rootless=request.param == "rootless")


@pytest.fixture
def rules(mesh: Mesh):
    """Apply files for one story; they are gone, and every proxy knows it, before the next."""
    applied: list[str] = []

    def apply(*files: pathlib.Path) -> None:
        mesh.apply(*files)
        applied.extend(file.name for file in files)
        mesh.settled()

    yield apply
    mesh.remove(*applied)
    mesh.settled()


def page(mesh: Mesh, client: httpx.Client | None = None) -> str:
    answer = mesh.get("/productpage", client=client)
    assert answer.status_code == 200
    return answer.text


class TestDIngress:
    def test_a_host_is_served_through_the_gateway(self, mesh):
        answer = mesh.get("/", host="www.okms1017.name")
        assert answer.status_code == 200
        assert answer.headers["server"] == "istio-envoy"
        assert "Welcome to nginx!" in answer.text

    def test_the_app_is_called_from_127_0_0_6_with_what_envoy_adds(self, mesh):
        text = mesh.get("/", host="www.okms1017.name").text.lower()
        assert "called by 127.0.0.6" in text
        for name in ("x-forwarded-for", "x-request-id", "x-envoy-attempt-count"):
            assert f"<td>{name}</td>" in text

    def test_another_host_is_404(self, mesh):
        assert mesh.get("/", host="www.example.com").status_code == 404


class TestEDebugging:
    def test_sockets_of_a_proxy_are_there_to_look_at(self, mesh):
        listening = mesh.run("exec", "httpbin", "-c", "proxy", "--", "cat", "/proc/net/tcp").stdout
        assert {f":{port:04X}" for port in (15000, 15001, 15006, 15020, 15021, 15090)} <= set(re.findall(r":[0-9A-F]{4}", listening))

    def test_a_command_runs_with_the_network_of_a_workload(self, mesh):
        address = next(w["addresses"][0] for w in mesh.status()["workloads"] if w["name"].startswith("httpbin"))
        assert address in mesh.exec("httpbin", "hostname", "-I") + mesh.exec("httpbin", "cat", "/proc/net/fib_trie")


class TestFBookinfo:
    def test_every_proxy_is_synced_and_the_gateway_too(self, mesh):
        mesh.settled()
        workloads = {row["name"].partition(".")[0].rsplit("-", 2)[0]: row for row in mesh.proxies()}
        apps = ("productpage-v1", "details-v1", "reviews-v1", "reviews-v2", "reviews-v3", "ratings-v1")
        for name in (*apps, "istio-ingressgateway"):
            assert {workloads[name][kind] for kind in ("cds", "lds", "eds", "rds")} == {"SYNCED"}, name

    def test_the_page_shows_the_book_and_its_details(self, mesh):
        text = page(mesh)
        assert "The Comedy of Errors" in text
        assert "PublisherA" in text

    def test_reviews_alternate_between_three_versions(self, mesh):
        assert {stars(page(mesh)) for _ in range(30)} == {"none", "black", "red"}

    def test_the_page_names_the_replica_that_answered(self, mesh):
        assert re.search(r"Reviews served by:\s*<u>reviews-v[123]-\w+", page(mesh))

    @pytest.mark.parametrize("path", ["/static/style.css", "/api/v1/products"])
    def test_other_paths_are_routed(self, mesh, path):
        assert mesh.get(path).status_code == 200

    def test_a_path_that_no_rule_names_is_404(self, mesh):
        answer = mesh.get("/unknown")
        assert answer.status_code == 404
        assert answer.headers["server"] == "istio-envoy"


class TestHRouting:
    def test_all_traffic_goes_to_v1(self, mesh, rules):
        rules(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-all-v1.yaml")
        assert [stars(page(mesh)) for _ in range(100)] == ["none"] * 100

    def test_jason_reaches_v2_and_everybody_else_v1(self, mesh, rules):
        rules(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-reviews-test-v2.yaml")
        with mesh.signed_in("jason") as jason, mesh.signed_in("someone") as someone:
            assert {stars(page(mesh, jason)) for _ in range(20)} == {"black"}
            assert {stars(page(mesh, someone)) for _ in range(20)} == {"none"}

    @pytest.mark.parametrize(
        ("file", "expected"),
        [
            ("virtual-service-reviews-90-10.yaml", {"none": 90, "black": 10}),
            ("virtual-service-reviews-80-20.yaml", {"none": 80, "black": 20}),
            ("virtual-service-reviews-50-v3.yaml", {"none": 50, "red": 50}),
        ],
    )
    def test_weights_hold(self, mesh, rules, file, expected):
        rules(NETWORKING / "destination-rule-all.yaml", NETWORKING / file)
        seen = [stars(page(mesh)) for _ in range(200)]
        for kind, percent in expected.items():
            # four standard deviations of a binomial with 200 draws
            margin = 4 * (percent * (100 - percent) / 200) ** 0.5
            assert abs(seen.count(kind) / 2 - percent) <= margin, (kind, seen.count(kind))
        assert set(seen) <= set(expected)


class TestIFaults:
    def test_a_delay_for_jason_makes_his_reviews_unavailable(self, mesh, rules):
        rules(
            NETWORKING / "destination-rule-all.yaml",
            NETWORKING / "virtual-service-reviews-test-v2.yaml",
            NETWORKING / "virtual-service-ratings-test-delay.yaml",
        )
        with mesh.signed_in("jason") as jason:
            answer = mesh.get("/productpage", client=jason)
            assert 5.5 < answer.elapsed.total_seconds() < 7.5
            assert "Sorry, product reviews are currently unavailable for this book." in answer.text
        assert mesh.get("/productpage").elapsed.total_seconds() < 2
        eventually(lambda: " DI" in mesh.run("logs", "reviews-v2", "-c", "proxy").stdout, what="flag DI in the log of reviews' proxy")
        eventually(lambda: " DC " in mesh.run("logs", "productpage", "-c", "proxy").stdout, what="flag DC where productpage gave up")

    def test_an_abort_for_jason_makes_his_ratings_unavailable(self, mesh, rules):
        rules(
            NETWORKING / "destination-rule-all.yaml",
            NETWORKING / "virtual-service-reviews-test-v2.yaml",
            NETWORKING / "virtual-service-ratings-test-abort.yaml",
        )
        with mesh.signed_in("jason") as jason:
            assert "Ratings service is currently unavailable" in page(mesh, jason)
        eventually(lambda: " FI " in mesh.run("logs", "reviews-v2", "-c", "proxy").stdout, what="flag FI in the log of reviews' proxy")


class TestKMutualTls:
    def test_the_app_sees_its_callers_certificate(self, mesh):
        seen = json.loads(mesh.curl("curl", "http://httpbin:8000/headers"))["headers"]
        assert "URI=spiffe://cluster.local/ns/default/sa/curl" in seen["X-Forwarded-Client-Cert"][0]

    def test_strict_refuses_plain_text_and_keeps_meshed_callers(self, mesh, rules):
        mesh.write("outside.yaml", OUTSIDE)
        try:
            eventually(
                lambda: mesh.status_code("outside.plain", "http://httpbin.default:8000/get") == "200", 40, "plain text under PERMISSIVE"
            )
            rules(WALKTHROUGH / "20-peer-authentication-strict.yaml")
            eventually(
                lambda: mesh.status_code("outside.plain", "http://httpbin.default:8000/get") == "000",
                what="plain text refused under STRICT",
            )
            assert mesh.status_code("curl", "http://httpbin:8000/get") == "200"
            assert mesh.get("/productpage").status_code == 200
        finally:
            mesh.remove("outside.yaml")

    def test_the_certificate_is_there_to_look_at(self, mesh):
        table = mesh.run("proxy-config", "secret", "httpbin").stdout
        assert re.search(r"default\s+Cert Chain\s+ACTIVE\s+true", table)
        assert re.search(r"ROOTCA\s+CA\s+ACTIVE\s+true", table)


OUTSIDE = """
apiVersion: v1
kind: Namespace
metadata: {name: plain}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: outside, namespace: plain}
spec:
  selector: {matchLabels: {app: outside}}
  template:
    metadata: {labels: {app: outside}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: outside, image: "curlimages/curl:8", command: [/bin/sleep, infinity]}
"""


class TestMWayOfAPacket:
    def test_the_app_sees_its_sidecar_as_127_0_0_6(self, mesh):
        assert mesh.status_code("curl", "http://httpbin:8000/get") == "200"
        eventually(lambda: "127.0.0.6" in mesh.run("logs", "httpbin", "-c", "proxy").stdout, what="127.0.0.6 in the sidecar's log")

    def test_rules_redirect_both_ways(self, mesh):
        out = mesh.run("exec", "httpbin", "-c", "proxy", "--", "iptables-save", "-t", "nat", check=False).stdout
        assert "-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006" in out
        assert "-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001" in out

    def test_an_undeclared_port_of_a_workload_is_reached_through_the_passthrough_clusters(self, mesh):
        address = next(w["addresses"][0] for w in mesh.status()["workloads"] if w["name"].startswith("httpbin"))
        assert mesh.status_code("curl", f"http://{address}:8080/get") == "200"
        eventually(
            lambda: "PassthroughCluster" in mesh.run("logs", "curl", "-c", "proxy").stdout, what="PassthroughCluster in the caller's log"
        )

    def test_registry_only_blocks_what_nobody_declared(self, mesh):
        address = next(w["addresses"][0] for w in mesh.status()["workloads"] if w["name"].startswith("httpbin"))
        mesh.write("mesh.yaml", REGISTRY_ONLY)
        try:
            eventually(lambda: mesh.status_code("curl", f"http://{address}:8000/get") == "502", what="502 for an unknown host")
            assert mesh.status_code("curl", "http://httpbin:8000/get") == "200"
        finally:
            mesh.remove("mesh.yaml")


REGISTRY_ONLY = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
"""
