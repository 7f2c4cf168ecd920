"""A mesh whose sidecars discover on demand: they start small, every call arrives, and what they came to need can be written down."""

import re
from pathlib import Path

import pytest
import yaml
from tests.e2e.apps import SAY, WEB, shell
from tests.e2e.mesh import SAMPLES, Mesh, eventually

pytestmark = [
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)"),
    pytest.mark.timeout(300),
]

SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'defaultConfig: {proxyMetadata: {ISTIO_META_ON_DEMAND: "true"}}'}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
"""
WAYS = [pytest.param(False, id="root"), pytest.param(True, id="rootless")]


@pytest.fixture(scope="module", params=WAYS)
def mesh(request, start, tmp_path_factory) -> Mesh:
    """A shell in `default`; a web server, which the gateway serves, and an echo over TCP in `shop`."""
    return start([town(tmp_path_factory.mktemp("config"), WEB, (SAMPLES / "tcp-echo/tcp-echo.yaml").read_text())], rootless=request.param)


def town(folder: Path, *texts: str) -> Path:
    """Everything in `shop`, but for a shell in `default`."""
    objects = [each for text in texts for each in yaml.safe_load_all(text) if each]
    for each in objects:
        each["metadata"]["namespace"] = "shop"
    (folder / "mesh.yaml").write_text(SETTINGS + yaml.safe_dump_all(objects) + "---\n" + shell())
    return folder / "mesh.yaml"


def clusters(mesh: Mesh, workload: str = "shell") -> set[str]:
    """Hosts of the services that the sidecar has clusters for."""
    said = mesh.run("proxy-config", "cluster", workload, "-o", "json").stdout
    return {parts[3] for name in re.findall(r'"name": "(outbound\|[^"]*)"', said) if len(parts := name.split("|")) == 4}


def test_a_sidecar_starts_without_what_nobody_needed_and_calls_bring_it(mesh: Mesh) -> None:
    assert not {host for host in clusters(mesh) if ".shop." in host}
    assert mesh.status_code("shell", "http://httpbin.shop:8000/get") == "200"
    assert "Spiffe" in mesh.curl("shell", "http://httpbin.shop:8000/headers").title(), "with mutual TLS"
    assert {host for host in clusters(mesh) if ".shop." in host} == {"httpbin.shop.svc.cluster.local"}


def test_a_body_arrives_with_the_first_call(mesh: Mesh) -> None:
    assert "a=b" in mesh.curl("shell", "-d", "a=b", "http://httpbin.shop.svc.cluster.local:8000/post")


def test_a_connection_brings_its_cluster(mesh: Mesh) -> None:
    for _ in range(2):
        assert mesh.exec("shell", "python3", "-c", SAY, "tcp-echo.shop", "9000") == "hello world\n"
    assert "tcp-echo.shop.svc.cluster.local" in clusters(mesh)


def test_a_host_outside_passes_and_one_that_is_nowhere_fails_as_ever(mesh: Mesh) -> None:
    assert mesh.status_code("shell", "http://httpbin.shop:8000/get", "-H", "host: nobody.example") == "200", "to where it was dialled"


def test_the_gateway_and_every_proxy_are_in_step(mesh: Mesh) -> None:
    assert mesh.get("/get", host="web.example").status_code == 200
    mesh.settled()


def test_a_rule_that_is_saved_reaches_what_was_discovered(mesh: Mesh) -> None:
    assert mesh.status_code("shell", "http://httpbin.shop:8000/get") == "200"
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "down", "namespace": "shop"},
        "spec": {
            "hosts": ["httpbin"],
            "http": [
                {"fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}}, "route": [{"destination": {"host": "httpbin"}}]}
            ],
        },
    }
    mesh.write("rule.yaml", yaml.safe_dump(rule))
    eventually(lambda: mesh.status_code("shell", "http://httpbin.shop:8000/get") == "418")
    mesh.remove("rule.yaml")
    eventually(lambda: mesh.status_code("shell", "http://httpbin.shop:8000/get") == "200")


def test_what_it_came_to_need_is_a_sidecar_to_start_with(mesh: Mesh) -> None:
    assert mesh.status_code("shell", "http://httpbin.shop:8000/get") == "200"
    made = yaml.safe_load(mesh.run("x", "scope", "shell", "-o", "yaml").stdout)
    (listener,) = made["spec"]["egress"]
    assert {"*/httpbin.shop.svc.cluster.local", "*/*"} <= set(listener["hosts"])
    mesh.write("sidecar.yaml", yaml.safe_dump(made))
    mesh.settled()
    before = mesh.pid("shell", "envoy")
    mesh.run("delete", "-f", str(mesh.watched / "sidecar.yaml"), check=False)
    assert mesh.status_code("shell", "http://httpbin.shop:8000/get") == "200"
    assert mesh.pid("shell", "envoy") == before


def test_clients_that_name_their_proxy_discover_too(start, tmp_path) -> None:
    mesh: Mesh = start([town(tmp_path, WEB)], rootless=True, flags=("--no-capture",))
    assert clusters(mesh) == set()
    assert mesh.status_code("shell", "http://httpbin.shop:8000/get") == "200"
    assert clusters(mesh) == {"httpbin.shop.svc.cluster.local"}
    assert mesh.status_code("shell", "http://nobody.invalid/") == "503", "to where its name leads, which is nowhere"
    mesh.settled()
