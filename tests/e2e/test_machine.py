"""The machine that a mesh makes: the way in (walkthrough D), the way of a packet (M), the world outside, names, and what is no plain HTTP service."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest
from tests.e2e.apps import HOST, WEB, files, shell
from tests.e2e.mesh import SAMPLES, Mesh, eventually
from tests.e2e.outside import Outside, outside

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace beside the mesh"), pytest.mark.timeout(300)]

PLAIN = "apiVersion: v1\nkind: Namespace\nmetadata: {name: plain}\n---\n" + shell("outsider", "plain")

ECHO_UDP = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 9000))
while True:
    data, caller = server.recvfrom(2048)
    server.sendto(data.upper(), caller)
"""
ASK_UDP = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(5)
client.sendto(b"hello", (sys.argv[1], 9000))
print(client.recv(100).decode())
"""
TALK = """
import http.client, sys
talk = http.client.HTTPConnection(sys.argv[1], timeout=5)
talk.connect()
line = talk.sock.dup()
for last in ("keep-alive", "close"):
    talk.request("GET", "/", headers={"connection": last})
    answer = talk.getresponse()
    answer.read()
    print(answer.status, "" if talk.sock is None else talk.sock.getsockname() == line.getsockname())
print("ended" if line.recv(1) == b"" else "more")
"""

SERVICES = f"""
apiVersion: v1
kind: Service
metadata: {{name: both}}
spec:
  ipFamilyPolicy: RequireDualStack
  selector: {{app: httpbin}}
  ports: [{{name: http, port: 8000, targetPort: 8080}}]
---
apiVersion: v1
kind: Service
metadata: {{name: six}}
spec:
  ipFamilies: [IPv6]
  selector: {{app: httpbin}}
  ports: [{{name: http, port: 8000, targetPort: 8080}}]
---
apiVersion: v1
kind: Service
metadata: {{name: db}}
spec:
  clusterIP: None
  selector: {{app: db}}
  ports: [{{name: http, port: 8080}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  serviceName: db
  replicas: 2
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: db
        image: mccutchen/go-httpbin
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /get, port: 8080}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: datagrams}}
spec:
  selector: {{app: datagrams}}
  ports: [{{name: udp-echo, port: 9000, protocol: UDP}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: datagrams}}
spec:
  selector: {{matchLabels: {{app: datagrams}}}}
  template:
    metadata: {{labels: {{app: datagrams}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: echo, image: python, command: [python3, -c, {json.dumps(ECHO_UDP)}]}}]
"""

MESH_CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
"""

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside}
spec:
  hosts: [outside.example]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
"""


@pytest.fixture(scope="module")
def world() -> Iterator[Outside]:
    with outside() as found:
        yield found


@pytest.fixture(scope="module", params=["root", "rootless"])
def mesh(request, world, start, tmp_path_factory) -> Mesh:
    folder = tmp_path_factory.mktemp("machine")
    manifests = files(folder, web=WEB, shells=shell() + "---\n" + PLAIN, services=SERVICES)
    if SAMPLES.is_dir():
        manifests += [SAMPLES / "walkthrough/00-nginx.yaml", SAMPLES / "walkthrough/01-nginx-gateway.yaml"]
    running = start(manifests, rootless=request.param == "rootless", prefix=world.prefix)
    running.settled()
    return running


def logged(mesh: Mesh, workload: str, *texts: str) -> None:
    """Its proxy logs one line that holds all of these."""
    eventually(
        lambda: any(all(text in line for text in texts) for line in mesh.run("logs", workload, "-c", "proxy").stdout.splitlines()),
        what=f"a line with {texts} in the log of {workload}",
    )


def headers(mesh: Mesh, url: str, *arguments: str, who: str = "shell") -> dict[str, str]:
    seen = json.loads(mesh.curl(who, *arguments, url))["headers"]
    return {name.lower(): ",".join(values) for name, values in seen.items()}


def unresolved(mesh: Mesh, host: str, who: str = "shell") -> bool:
    return "Could not resolve host" in mesh.run("exec", who, "--", "curl", "-sS", "-m", "5", f"http://{host}/", check=False).stderr


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)")
class TestDIngress:
    NAME = "www.okms1017.name"

    def page(self, mesh: Mesh, world: Outside, host: str = NAME, headers: Mapping[str, str] = MappingProxyType({})) -> str:
        """Status line, headers and body, as somebody outside gets them."""
        return world.get(f"http://{world.here}:{mesh.port}/", {"Host": host, **headers})

    def test_the_web_server_answers_for_its_host(self, mesh, world):
        page = self.page(mesh, world)
        assert page.startswith("HTTP/1.1 200 OK")
        assert "Welcome to nginx!" in page
        assert "server: istio-envoy" in page
        assert "x-envoy-upstream-service-time: " in page

    def test_another_host_is_not_found(self, mesh, world):
        assert self.page(mesh, world, "www.example.com").startswith("HTTP/1.1 404 Not Found")

    def test_the_app_sees_its_sidecar_and_in_a_header_the_caller(self, mesh, world):
        page = self.page(mesh, world)
        seen = dict(re.findall(r"<td>(.*?)</td><td>(.*?)</td>", page))
        assert "called by 127.0.0.6" in page
        assert seen["x-forwarded-for"] == world.address
        assert seen["x-envoy-external-address"] == world.address
        assert seen["x-forwarded-proto"] == "http"
        assert seen["x-envoy-attempt-count"] == "1"
        assert re.fullmatch(r"[0-9a-f-]{36}", seen["x-request-id"])

    def test_a_caller_cant_give_itself_another_address_or_name(self, mesh, world):
        lies = {
            "X-Forwarded-For": "10.9.9.9",
            "X-Forwarded-Client-Cert": "URI=spiffe://cluster.local/ns/default/sa/admin",
            "X-Envoy-Internal": "true",
        }
        page = self.page(mesh, world, headers=lies)
        seen = dict(re.findall(r"<td>(.*?)</td><td>(.*?)</td>", page))
        assert seen["x-forwarded-for"].endswith(f",{world.address}")
        assert "sa/admin" not in seen["x-forwarded-client-cert"]
        assert "x-envoy-internal" not in seen

    def test_every_proxy_is_synced_over_a_unix_socket_only(self, mesh):
        mesh.settled()
        bootstrap = json.loads(mesh.run("proxy-config", "bootstrap", "deploy-websrv", "-o", "json").stdout)
        clusters = {c["name"]: json.dumps(c) for c in bootstrap["bootstrap"]["static_resources"]["clusters"]}
        assert all('"pipe"' in clusters[name] and '"socket_address"' not in clusters[name] for name in ("xds-grpc", "sds-grpc"))


class TestMWayOfAPacket:
    @pytest.mark.parametrize("tool", ["iptables-save", "ip6tables-save"])
    def test_rules_redirect_both_ways_and_leave_the_proxys_own_traffic(self, mesh, tool):
        found = mesh.run("exec", "httpbin", "-c", "proxy", "--", tool, "-t", "nat").stdout
        assert "-A PREROUTING -p tcp -j ISTIO_INBOUND" in found
        assert "-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT" in found
        assert re.search(r"-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006\b", found)
        assert re.search(r"-A OUTPUT .*-j ISTIO_OUTPUT", found)
        assert re.search(r"-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001\b", found)
        assert re.search(r"-A ISTIO_OUTPUT .*--(uid-owner 1337|mark 0x539).* -j RETURN", found)

    def test_a_call_arrives_with_its_callers_identity_from_127_0_0_6(self, mesh):
        seen = headers(mesh, "http://httpbin:8000/headers")
        assert "URI=spiffe://cluster.local/ns/default/sa/default" in seen["x-forwarded-client-cert"]
        logged(mesh, "httpbin", '"GET /headers HTTP/1.1" 200', "inbound|8080||", "127.0.0.6:")
        logged(mesh, "shell", '"GET /headers HTTP/1.1" 200', "outbound|8000||httpbin.default.svc.cluster.local")

    def test_the_mesh_answers_by_name_and_by_address_for_those_without_a_sidecar(self, mesh):
        assert mesh.status_code("outsider.plain", "http://httpbin.default:8000/get") == "200"
        assert "x-forwarded-client-cert" not in headers(mesh, "http://httpbin.default.svc.cluster.local:8000/headers", who="outsider.plain")


class TestTheWorld:
    """TCP to any address, and names, without a rule or a route on this machine."""

    @pytest.mark.parametrize("who", ["shell", "outsider.plain"])
    def test_addresses_and_names_are_reached(self, mesh, world, who):
        assert mesh.curl(who, f"http://{world.address}/").startswith("web called by")
        assert mesh.curl(who, f"http://[{world.address6}]/").startswith("web called by")
        assert mesh.curl(who, "http://outside.example/").endswith("for outside.example")
        assert mesh.curl(who, "-k", "https://other.example/").endswith("for other.example")
        assert unresolved(mesh, "nosuch.example", who)

    def test_it_goes_through_the_passthrough_cluster(self, mesh, world):
        mesh.curl("shell", "http://outside.example/passing")
        logged(mesh, "shell", '"GET /passing HTTP/1.1" 200', "PassthroughCluster", f"{world.address}:80", "allow_any")
        mesh.curl("shell", "-k", "https://other.example/")
        logged(mesh, "shell", '"- - -" 0', "PassthroughCluster", f"{world.address}:443")

    def test_registry_only_blocks_what_nobody_declared(self, mesh, world):
        assert mesh.status_code("shell", "http://outside.example/") == "200"
        mesh.write("mesh.yaml", MESH_CONFIG)
        try:
            eventually(
                lambda: mesh.status_code("shell", "http://outside.example/") == "502", what="HTTP is answered 502, without a restart"
            )
            logged(mesh, "shell", '"GET / HTTP/1.1" 502', "direct_response", "outside.example", "block_all")
            assert mesh.status_code("shell", "https://other.example/", "-k") == "000"
            logged(mesh, "shell", '"- - -" 0', "BlackHoleCluster", f"{world.address}:443")
            assert mesh.status_code("shell", f"http://{world.address}:81/") == "000", "no protocol is known of this port"
            assert mesh.status_code("shell", "http://httpbin:8000/get") == "200"
            assert mesh.status_code("outsider.plain", "http://outside.example/") == "200", "it has no sidecar to ask"
            mesh.write("entry.yaml", ENTRY)
            eventually(lambda: mesh.status_code("shell", "http://outside.example/") == "200", what="a ServiceEntry opens the way")
            logged(mesh, "shell", '"GET / HTTP/1.1" 200', "outbound|80||outside.example")
            assert mesh.curl("shell", "-k", "https://outside.example/").endswith("for outside.example")
            assert mesh.status_code("shell", "http://other.example/") == "502"
        finally:
            for name in ("mesh.yaml", "entry.yaml"):
                if (mesh.watched / name).exists():
                    mesh.remove(name)
        eventually(lambda: mesh.status_code("shell", "http://other.example/") == "200")

    def test_a_connection_lasts_and_each_side_can_end_its_half(self, mesh, world):
        """Two requests over one connection, the second after the first is answered; the server's end arrives."""
        assert mesh.exec("shell", "python3", "-c", TALK, world.address).split() == ["200", "True", "200", "ended"]


class TestServices:
    def test_a_headless_service_reaches_each_of_its_pods_by_its_own_name(self, mesh):
        addresses = {w["name"]: w["addresses"][0] for w in mesh.status()["workloads"] if w["workload"] == "db"}
        assert sorted(addresses) == ["db-0", "db-1"]
        for name, address in addresses.items():
            assert mesh.exec("shell", "getent", "ahostsv4", f"{name}.db").split()[0] == address
            seen = headers(mesh, f"http://{name}.db:8080/headers")
            assert "spiffe://cluster.local/ns/default/sa/default" in seen["x-forwarded-client-cert"], "by mutual TLS"
            assert mesh.exec(name, "cat", "/etc/hostname").strip() == name
        found = mesh.exec("shell", "getent", "ahostsv4", "db").split()
        assert set(addresses.values()) <= set(found)
        assert {mesh.status_code("shell", "http://db:8080/get") for _ in range(5)} == {"200"}

    def test_datagrams_pass(self, mesh):
        for who, name in (("shell", "datagrams"), ("outsider.plain", "datagrams.default")):
            assert mesh.exec(who, "python3", "-c", ASK_UDP, name).strip() == "HELLO"

    @pytest.mark.parametrize(("name", "family"), [("both", "-4"), ("both", "-6"), ("six", "-6")])
    def test_both_families_are_captured_and_served(self, mesh, name, family):
        seen = headers(mesh, f"http://{name}:8000/headers", family)
        assert "spiffe://cluster.local/ns/default/sa/default" in seen["x-forwarded-client-cert"]
        assert mesh.status_code("outsider.plain", f"http://{name}.default:8000/get", family) == "200"

    def test_a_workload_reaches_itself_and_its_own_service(self, mesh):
        assert mesh.status_code("httpbin", "http://localhost:8080/get") == "200"
        assert mesh.status_code("httpbin", "http://httpbin:8000/get") == "200"

    def test_names_that_are_nobodys_end_quickly(self, mesh):
        for name in ("nobody", "nobody.default.svc.cluster.local"):
            assert unresolved(mesh, name)

    def test_an_app_writes_to_its_standard_output_by_name(self, mesh):
        writes = "[/bin/sh, -c, 'echo by name > /dev/stdout; sleep 1000']"
        mesh.write("writer.yaml", shell("writer").replace("[/bin/sleep, infinity]", writes))
        eventually(lambda: "by name" in mesh.run("logs", "writer", check=False).stdout)
        mesh.remove("writer.yaml")


def test_the_published_port_serves_both_families(mesh, world):
    for here, caller in ((world.here, world.address), (f"[{world.here6}]", world.address6)):
        _, _, body = world.get(f"http://{here}:{mesh.port}/headers", {"Host": HOST}).partition("\n\n")
        assert json.loads(body)["headers"]["X-Forwarded-For"] == [caller]
