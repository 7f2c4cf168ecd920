"""Policies against a real Envoy: each request is answered as the policy says, not as its configuration looks."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.envoy.harness import static_bootstrap
from tests.envoy.running import running
from tests.unit.world import Village, pod, service

from ostria.translate import clusters, listeners

KEY = RSAKey.generate_key(2048, {"kid": "k"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "k"})
ENVOY = "127.0.0.2"


def token(subject: str = "alice", issuer: str = "https://issuer.example/a", key: RSAKey = KEY, **claims: object) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k"}, {"iss": issuer, "sub": subject, "exp": 9_999_999_999, **claims}, key)


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def app() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


class Guarded:
    """The app behind its own Envoy, with the policies of a world."""

    def __init__(self, port: int) -> None:
        self.port = port

    def status(self, path: str = "/", method: str = "GET", **headers: str) -> int:
        """The status of a request; header names are written with underscores."""
        connection = http.client.HTTPConnection(ENVOY, self.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host="host" in headers)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()

    def accepts_bytes(self) -> bool:
        with socket.create_connection((ENVOY, self.port), timeout=10) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            try:
                return raw.recv(20).startswith(b"HTTP/1.1 200")
            except ConnectionError:
                return False


@contextlib.contextmanager
def guarded(app: int, *policies: str, name: str = "http", **mesh: object) -> Iterator[Guarded]:
    village = Village("".join((pod("app-1", "10.1.0.1"), service("app", (name, 80, app)), *policies)), mesh)
    inbound = village.inbound("app-1", captured=False, addresses=(ENVOY,))
    built = [listeners.build(k) for k in listeners.inbound_keys(inbound)]
    own = [c.message for c in map(clusters.build, clusters.inbound_keys(inbound))]
    found = [b.message for b in built if isinstance(b.message, Listener)]
    with running(static_bootstrap(listeners=found, clusters=own), ENVOY, app):
        yield Guarded(app)


def policy(name: str, spec: str, annotations: str = "{}") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: default, annotations: {annotations}}}
spec: {spec}
"""


def authentication(spec: str) -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: jwt, namespace: default}}
spec: {spec}
"""


def keys(key: RSAKey = KEY) -> str:
    return json.dumps(json.dumps({"keys": [key.as_dict(private=False)]}))


def test_without_policies_everything_is_allowed(app: int) -> None:
    with guarded(app) as guard:
        assert guard.status() == 200


def test_an_empty_policy_allows_nothing_and_one_empty_rule_everything(app: int) -> None:
    with guarded(app, policy("none", "{}")) as guard:
        assert guard.status() == 403
    with guarded(app, policy("none", "{}"), policy("all", "{rules: [{}]}")) as guard:
        assert guard.status() == 200


def test_a_denying_policy_without_rules_denies_nothing(app: int) -> None:
    with guarded(app, policy("none", "{action: DENY}")) as guard:
        assert guard.status() == 200


def test_methods_and_paths(app: int) -> None:
    rules = "{rules: [{to: [{operation: {methods: [GET], paths: [/exact, '/prefix/*', '*.css', '/users/{*}/books/{**}'], notPaths: [/prefix/secret]}}]}]}"
    with guarded(app, policy("paths", rules)) as guard:
        for path in (
            "/exact",
            "/exact?q=1",
            "/prefix/",
            "/prefix/a/b",
            "/x.css",
            "/users/7/books/a/b",
            "/a/../exact",
            "/./exact",
            "/%65xact",
        ):
            assert guard.status(path) == 200, path
        for path in ("/", "/exact/", "/Exact", "/prefix/secret", "/prefix/x/../secret", "/xxcss", "/users/7/8/books/a", "/e.act"):
            assert guard.status(path) == 403, path
        assert guard.status("/exact", "POST") == 403


def test_paths_are_compared_as_the_mesh_normalizes_them(app: int) -> None:
    deny = policy("admin", "{action: DENY, rules: [{to: [{operation: {paths: ['/admin']}}]}]}")
    with guarded(app, deny, pathNormalization={"normalization": "DECODE_AND_MERGE_SLASHES"}) as guard:
        for path in ("/admin", "//admin", "/x/..//admin", "/x%2F..%2Fadmin", "/%2e/admin", "/x%5C..%5Cadmin", "/admin?x", "/%61dmin"):
            assert guard.status(path) == 403, path
        assert guard.status("/admins") == 200


def test_a_denied_host_is_not_reached_by_another_spelling(app: int) -> None:
    with guarded(app, policy("host", "{action: DENY, rules: [{to: [{operation: {hosts: [a.example, '*.b.example']}}]}]}")) as guard:
        for name in ("a.example", "A.EXAMPLE", "a.example:80", "x.b.example", "x.b.example:8443"):
            assert guard.status(host=name) == 403, name
        for name in ("aXexample", "b.example", "a.example.org"):
            assert guard.status(host=name) == 200, name


def test_an_allowed_host_is_that_host(app: int) -> None:
    with guarded(app, policy("host", "{rules: [{to: [{operation: {hosts: [a.example, 'b.example:*']}}]}]}")) as guard:
        assert guard.status(host="A.example") == 200
        assert guard.status(host="b.example:99") == 200
        assert guard.status(host="a.example:80") == 403
        assert guard.status(host="c.example") == 403


def test_headers_and_their_absence(app: int) -> None:
    rules = "{rules: [{when: [{key: 'request.headers[x-team]', values: [red, 'blue-*'], notValues: [blue-9]}]}]}"
    with guarded(app, policy("headers", rules)) as guard:
        assert guard.status(x_team="red") == 200
        assert guard.status(x_team="blue-1") == 200
        assert guard.status(x_team="blue-9") == 403
        assert guard.status(x_team="re.") == 403
        assert guard.status() == 403


def test_addresses(app: int) -> None:
    with guarded(app, policy("ip", "{rules: [{from: [{source: {ipBlocks: [127.0.0.0/8], notIpBlocks: [127.0.0.9]}}]}]}")) as guard:
        assert guard.status() == 200
    with guarded(app, policy("ip", "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}")) as guard:
        assert guard.status() == 403
        assert guard.status(x_forwarded_for="10.0.0.1") == 403


@pytest.mark.parametrize(
    "source",
    [
        "principals: ['*']",
        "namespaces: [default]",
        "namespaces: ['*']",
        "principals: [cluster.local/ns/default/sa/a]",
        "serviceAccounts: [a]",
    ],
)
def test_plain_text_has_no_identity(app: int, source: str) -> None:
    with guarded(app, policy("who", f"{{rules: [{{from: [{{source: {{{source}}}}}]}}]}}")) as guard:
        assert guard.status() == 403
        assert guard.status(x_forwarded_client_cert="URI=spiffe://cluster.local/ns/default/sa/a") == 403


def test_denied_before_allowed(app: int) -> None:
    with guarded(
        app, policy("all", "{rules: [{}]}"), policy("post", "{action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]}")
    ) as guard:
        assert guard.status() == 200
        assert guard.status(method="POST") == 403


def test_a_dry_run_decides_nothing(app: int) -> None:
    with guarded(
        app, policy("all", "{action: DENY, rules: [{}]}", '{"istio.io/dry-run": "true"}'), policy("audit", "{action: AUDIT, rules: [{}]}")
    ) as guard:
        assert guard.status() == 200


def test_a_custom_policy_of_an_unknown_authorizer_denies_what_it_matches(app: int) -> None:
    with guarded(app, policy("custom", "{action: CUSTOM, provider: {name: nobody}, rules: [{to: [{operation: {paths: [/x]}}]}]}")) as guard:
        assert guard.status("/x") == 403
        assert guard.status("/y") == 200


def test_a_custom_policy_asks_only_about_what_it_matches(app: int) -> None:
    """The authorizer can't be reached, so whatever is asked about is denied."""
    provider = {"name": "far", "envoyExtAuthzHttp": {"service": "authz.default.svc.cluster.local", "port": 8000}}
    custom = policy("custom", "{action: CUSTOM, provider: {name: far}, rules: [{to: [{operation: {paths: [/x]}}]}]}")
    with guarded(app, custom, extensionProviders=[provider]) as guard:
        assert guard.status("/y") == 200
        assert guard.status("/x") == 403


def test_http_conditions_on_a_tcp_port(app: int) -> None:
    get = "{to: [{operation: {methods: [GET]}}]}"
    with guarded(app, policy("allow", f"{{rules: [{get}]}}"), name="tcp") as guard:
        assert not guard.accepts_bytes()
    with guarded(app, policy("deny", "{action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}]}"), name="tcp") as guard:
        assert not guard.accepts_bytes()
    with guarded(app, policy("deny", "{action: DENY, rules: [{to: [{operation: {methods: [PUT], ports: ['1']}}]}]}"), name="tcp") as guard:
        assert guard.accepts_bytes()
    with guarded(app, name="tcp") as guard:
        assert guard.accepts_bytes()


def test_tokens(app: int) -> None:
    rules = (
        f"{{jwtRules: [{{issuer: 'https://issuer.example/a', jwks: {keys()}, fromHeaders: [{{name: authorization, prefix: 'Bearer '}}]}}]}}"
    )
    demanded = policy("jwt", "{rules: [{from: [{source: {requestPrincipals: ['https://issuer.example/a/alice']}}]}]}")
    with guarded(app, authentication(rules)) as guard:
        assert guard.status() == 200
        assert guard.status(authorization=f"Bearer {token()}") == 200
        assert guard.status(authorization="Bearer nonsense") == 401
        assert guard.status(authorization=f"Bearer {token(key=OTHER_KEY)}") == 401
        assert guard.status(authorization=f"Bearer {token(issuer='https://other.example')}") == 401
    with guarded(app, authentication(rules), demanded) as guard:
        assert guard.status() == 403
        assert guard.status(authorization=f"Bearer {token()}") == 200
        assert guard.status(authorization=f"Bearer {token('bob')}") == 403


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("*", True),
        ("https://issuer.example/*", True),
        ("https://issuer.example/a/al*", True),
        ("*/alice", True),
        ("*/a/alice", True),
        ("*ice", True),
        ("https*", True),
        ("https://issuer.example/a/bob", False),
        ("https://issuer.example/b/*", False),
        ("*/bob", False),
        ("alice", False),
        ("https://issuer.example/a/alice/", False),
    ],
)
def test_request_principals(app: int, value: str, allowed: bool) -> None:
    rules = f"{{jwtRules: [{{issuer: 'https://issuer.example/a', jwks: {keys()}}}]}}"
    demanded = policy("jwt", f"{{rules: [{{from: [{{source: {{requestPrincipals: ['{value}']}}}}]}}]}}")
    with guarded(app, authentication(rules), demanded) as guard:
        assert guard.status(authorization=f"Bearer {token()}") == (200 if allowed else 403)
        assert guard.status() == 403


def test_claims(app: int) -> None:
    rules = f"{{jwtRules: [{{issuer: 'https://issuer.example/a', jwks: {keys()}}}]}}"
    demanded = policy(
        "jwt",
        """{rules: [{when: [
        {key: 'request.auth.claims[groups]', values: [admins]}, {key: 'request.auth.claims[org][unit]', values: ['eng*']},
        {key: 'request.auth.audiences', values: [shop]}, {key: 'request.auth.claims[scope]', values: [write]}]}]}""",
    )
    good = {"groups": ["users", "admins"], "org": {"unit": "engine"}, "aud": "shop", "scope": "read write"}
    with guarded(app, authentication(rules), demanded) as guard:
        assert guard.status(authorization=f"Bearer {token(**good)}") == 200
        assert guard.status(authorization=f"Bearer {token(**good | {'groups': 'admins'})}") == 200
        assert guard.status(authorization=f"Bearer {token(**good | {'groups': ['users']})}") == 403
        assert guard.status(authorization=f"Bearer {token(**good | {'org': {'unit': 'sales'}})}") == 403
        assert guard.status(authorization=f"Bearer {token(**good | {'aud': ['x', 'shop']})}") == 200
        assert guard.status(authorization=f"Bearer {token(**good | {'scope': 'read'})}") == 403


def test_a_token_is_demanded_by_denying_requests_without(app: int) -> None:
    rules = f"{{jwtRules: [{{issuer: 'https://issuer.example/a', jwks: {keys()}}}]}}"
    deny = policy("jwt", "{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}")
    with guarded(app, authentication(rules), deny) as guard:
        assert guard.status() == 403
        assert guard.status(authorization=f"Bearer {token()}") == 200


@pytest.mark.parametrize(
    "source", ["", ", jwks: nonsense", ", jwks: '{\"keys\":[]}'", ", jwksUri: 'http://keys.default.svc.cluster.local/k'"]
)
def test_keys_that_cannot_be_had_verify_nothing(app: int, source: str) -> None:
    with guarded(app, authentication(f"{{jwtRules: [{{issuer: 'https://issuer.example/a'{source}}}]}}")) as guard:
        assert guard.status() == 200
        assert guard.status(authorization=f"Bearer {token()}") == 401
        assert guard.status(authorization=f"Bearer {token(key=OTHER_KEY)}") == 401


def test_tokens_of_two_issuers_may_come_by_the_same_header(app: int) -> None:
    rules = f"{{jwtRules: [{{issuer: 'https://issuer.example/a', jwks: {keys()}}}, {{issuer: b, jwks: {keys(OTHER_KEY)}}}]}}"
    with guarded(app, authentication(rules)) as guard:
        assert guard.status() == 200
        assert guard.status(authorization=f"Bearer {token()}") == 200
        assert guard.status(authorization=f"Bearer {token(issuer='b', key=OTHER_KEY)}") == 200
        assert guard.status(authorization=f"Bearer {token(issuer='b')}") == 401
