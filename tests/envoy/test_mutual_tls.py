"""Two sidecars of one mesh, in one real Envoy: what the client's side offers, the server's side understands."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from tests.envoy.harness import IDENTITY, static_bootstrap
from tests.envoy.running import running
from tests.unit.world import Village, pod, service

from ostria.translate import clusters, endpoints, listeners, routes

SERVER, CLIENT = "127.0.0.2", "127.0.0.1"
PROXY_PORT = 15007
HOST = "app.default.svc.cluster.local"


class App(BaseHTTPRequestHandler):
    """Answers with what it was told about the caller."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.headers.get("x-forwarded-client-cert", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def app() -> Iterator[int]:
    server = ThreadingHTTPServer((CLIENT, 0), App)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@contextlib.contextmanager
def two_sidecars(app: int, protocol: str, *policies: str) -> Iterator[None]:
    """The client's proxy port and the server's own port."""
    town = Village("".join((pod("app-1", SERVER), pod("client-1", CLIENT), service("app", (protocol, 80, app), ip="10.0.0.1"), *policies)))
    view = town.view("client-1", captured=False, http_proxy_port=PROXY_PORT)
    inbound = town.inbound("app-1", captured=False, addresses=(SERVER,))
    found = [listeners.build(k).message for k in (*listeners.keys(view), *listeners.inbound_keys(inbound))]
    ways = [clusters.build(k).message for k in (*clusters.keys(view), *clusters.inbound_keys(inbound))]
    keys = clusters.endpoint_keys(view, clusters.keys(view))
    ends = [endpoints.build(k).message for k in keys]
    configurations = [routes.build(k).message for k in routes.keys(view)]
    bootstrap = static_bootstrap(
        listeners=[m for m in found if isinstance(m, Listener)], clusters=ways, endpoints=ends, routes=configurations
    )
    with running(bootstrap, CLIENT, PROXY_PORT):
        yield


def call(address: str, port: int, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, port, timeout=10)
    connection.putrequest("GET", "/", skip_host=True)
    connection.putheader("Host", HOST)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def mode(name: str) -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: default}}
spec: {{mtls: {{mode: {name}}}}}
"""


@pytest.mark.parametrize("protocol", ["http", "unnamed"])
@pytest.mark.parametrize("mtls", ["PERMISSIVE", "STRICT"])
def test_the_server_sees_http_and_who_calls_even_where_it_must_find_out(app: int, protocol: str, mtls: str) -> None:
    """Only an HTTP chain writes x-forwarded-client-cert: that the app has it proves that its sidecar saw HTTP."""
    with two_sidecars(app, protocol, mode(mtls)):
        status, told = call(CLIENT, PROXY_PORT, x_forwarded_client_cert="URI=spiffe://cluster.local/ns/forged/sa/forged")
        assert status == 200
        assert f"URI={IDENTITY}" in told
        assert "forged" not in told


def test_plain_text_is_served_by_a_permissive_port_without_identity(app: int) -> None:
    with two_sidecars(app, "unnamed", mode("PERMISSIVE")):
        assert call(SERVER, app, x_forwarded_client_cert="URI=spiffe://cluster.local/ns/forged/sa/forged") == (200, "")


@pytest.mark.parametrize("protocol", ["http", "unnamed", "tcp"])
def test_plain_text_is_refused_by_a_strict_port(app: int, protocol: str) -> None:
    with two_sidecars(app, protocol, mode("STRICT")), pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        call(SERVER, app)


def policy(principal: str, name: str = "allow", action: str = "ALLOW") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: default}}
spec: {{action: {action}, rules: [{{from: [{{source: {principal}}}]}}]}}
"""


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("{principals: [cluster.local/ns/default/sa/default]}", True),
        ("{principals: ['cluster.local/ns/default/*']}", True),
        ("{principals: ['*/ns/default/sa/default']}", True),
        ("{principals: ['*/sa/default']}", True),
        ("{principals: ['*']}", True),
        ("{namespaces: [default]}", True),
        ("{namespaces: ['def*']}", True),
        ("{namespaces: ['*ault']}", True),
        ("{serviceAccounts: [default]}", True),
        ("{serviceAccounts: [default/default]}", True),
        ("{principals: [cluster.local/ns/default/sa/defaul.]}", False),
        ("{principals: [cluster.local/ns/default/sa/def]}", False),
        ("{principals: ['*/ns/default']}", False),
        ("{namespaces: [defaul.]}", False),
        ("{namespaces: [fault]}", False),
        ("{serviceAccounts: [other/default]}", False),
        ("{notPrincipals: [cluster.local/ns/default/sa/default]}", False),
        ("{notNamespaces: ['d*']}", False),
        ("{principals: [elsewhere.example/ns/default/sa/default]}", False),
    ],
)
def test_who_calls_is_what_the_certificate_says(app: int, source: str, allowed: bool) -> None:
    with two_sidecars(app, "http", policy(source)):
        assert call(CLIENT, PROXY_PORT)[0] == (200 if allowed else 403)


def test_tls_to_a_server_outside_the_mesh_keeps_its_own_alpn(app: int) -> None:
    """The server here takes only names of the mesh on its HTTP chain: a client that offers none of them gets no HTTP, so none was offered."""
    outside = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: app, namespace: default}
spec: {host: app, trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}}
"""
    with two_sidecars(app, "unnamed", mode("PERMISSIVE"), outside):
        assert call(CLIENT, PROXY_PORT)[0] == 503
