"""Security policies: a slip must never allow or deny something else than was meant."""

import pytest
from tests.unit.config.validate.rules import said


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        "{rules: [{}]}",
        "{action: DENY, rules: [{}]}",
        "{selector: {matchLabels: {app: a}}, rules: [{from: [{source: {principals: ['cluster.local/ns/a/sa/b'], notIpBlocks: [10.0.0.0/8]}}]}]}",
        "{rules: [{to: [{operation: {methods: [GET], paths: ['/a*', '/b/{*}/c/{**}'], ports: ['80']}}]}]}",
        "{rules: [{when: [{key: 'request.headers[x-a]', values: [b]}, {key: source.ip, notValues: [10.0.0.1]}]}]}",
        "{rules: [{when: [{key: 'request.auth.claims[a][b]', values: [c]}]}]}",
        "{rules: [{from: [{source: {serviceAccounts: [a/b, c]}}]}]}",
        "{action: CUSTOM, provider: {name: p}, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    ],
)
def test_good_authorization_policies(spec: str) -> None:
    assert said("AuthorizationPolicy", spec) == {}


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ("{action: DENY}", "spec.rules", "DENY without rules never applies"),
        ("{action: CUSTOM, provider: {name: p}}", "spec.rules", "CUSTOM without rules never applies"),
        ("{action: CUSTOM, rules: [{}]}", "spec.provider", "CUSTOM needs a provider"),
        ("{provider: {name: p}, rules: [{}]}", "spec.provider", "ALLOW asks no provider"),
        ("{rules: [{from: [{}]}]}", "spec.rules[0].from[0]", "the source is missing"),
        ("{rules: [{from: [{source: {}}]}]}", "spec.rules[0].from[0].source", "the source is empty"),
        ("{rules: [{to: [{}]}]}", "spec.rules[0].to[0]", "the operation is missing"),
        ("{rules: [{to: [{operation: {}}]}]}", "spec.rules[0].to[0].operation", "the operation is empty"),
        (
            "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/33]}}]}]}",
            "spec.rules[0].from[0].source.ipBlocks[0]",
            "neither an address nor a range",
        ),
        ("{rules: [{from: [{source: {principals: ['']}}]}]}", "spec.rules[0].from[0].source.principals[0]", "is empty"),
        (
            "{rules: [{from: [{source: {serviceAccounts: [a], namespaces: [b]}}]}]}",
            "spec.rules[0].from[0].source.namespaces",
            "can't stand beside",
        ),
        ("{rules: [{to: [{operation: {ports: ['http']}}]}]}", "spec.rules[0].to[0].operation.ports[0]", "is not a port"),
        ("{rules: [{to: [{operation: {paths: ['/a{*}']}}]}]}", "spec.rules[0].to[0].operation.paths[0]", "is not a path"),
        ("{rules: [{to: [{operation: {paths: ['/{**}/{*}']}}]}]}", "spec.rules[0].to[0].operation.paths[0]", "is not a path"),
        ("{rules: [{to: [{operation: {paths: ['/{*}/*']}}]}]}", "spec.rules[0].to[0].operation.paths[0]", "is not a path"),
        ("{rules: [{when: [{key: source.ip}]}]}", "spec.rules[0].when[0]", "neither values nor notValues"),
        ("{rules: [{when: [{key: request.header, values: [a]}]}]}", "spec.rules[0].when[0].key", "is not an attribute"),
        ("{rules: [{when: [{key: destination.port, values: [a]}]}]}", "spec.rules[0].when[0].values[0]", "is not a port"),
        (
            "{action: CUSTOM, provider: {name: p}, rules: [{from: [{source: {principals: [a]}}]}]}",
            "spec.rules[0].from[0].source.principals",
            "can't be used with CUSTOM",
        ),
        ("{selector: {matchLabels: {app: 'a*'}}}", "spec.selector.matchLabels.app", "a selector has no wildcards"),
        ("{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, name: a}]}", "spec", "only one of selector"),
        ("{rules: [{form: []}]}", "spec.rules[0].form", "unknown field"),
    ],
)
def test_bad_authorization_policies(spec: str, field: str, message: str) -> None:
    found = said("AuthorizationPolicy", spec)
    assert field in found, found
    assert message in found[field]
    assert found[field].startswith("error")


def test_denying_http_fields_denies_all_of_tcp() -> None:
    found = said("AuthorizationPolicy", "{action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]}")
    assert found["spec.rules[0]"].startswith("warning: on TCP ports this denies all traffic")
    assert said("AuthorizationPolicy", "{action: DENY, rules: [{to: [{operation: {methods: [POST], ports: ['80']}}]}]}") == {}


@pytest.mark.parametrize(
    ("annotation", "spec", "good"),
    [
        ("'true'", "{}", True),
        ("'ture'", "{}", False),
        ("'true'", "{action: AUDIT, rules: [{}]}", False),
    ],
)
def test_a_dry_run_says_so_clearly(annotation: str, spec: str, good: bool) -> None:
    found = said("AuthorizationPolicy", spec, f"name: a, annotations: {{istio.io/dry-run: {annotation}}}")
    assert (found == {}) is good


def test_only_authorization_policies_have_a_dry_run() -> None:
    found = said("PeerAuthentication", "{mtls: {mode: STRICT}}", "name: a, annotations: {istio.io/dry-run: 'true'}")
    assert "has no dry run" in str(found)


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ("{portLevelMtls: {80: {mode: DISABLE}}}", "spec.portLevelMtls", "needs a selector"),
        ("{selector: {matchLabels: {a: b}}, portLevelMtls: {http: {mode: DISABLE}}}", "spec.portLevelMtls.http", "is not a port"),
        ("{mtls: {mode: STRONG}}", "spec.mtls.mode", "is not one of the allowed values"),
    ],
)
def test_bad_peer_authentications(spec: str, field: str, message: str) -> None:
    assert message in said("PeerAuthentication", spec)[field]


def test_ports_are_numbers_in_peer_authentications() -> None:
    assert (
        said("PeerAuthentication", "{selector: {matchLabels: {a: b}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}") == {}
    )


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        ("{jwksUri: 'https://a/b'}", "issuer", "the issuer is missing"),
        ("{issuer: a, jwksUri: 'ftp://a/b'}", "jwksUri", "is not an address of keys"),
        ("{issuer: a, jwks_uri: nowhere}", "jwksUri", "is not an address of keys"),
        ("{issuer: a, jwks: '{]'}", "jwks", "is not a JSON Web Key Set"),
        ("{issuer: a, jwks: '{\"keys\": []}', jwksUri: 'https://a'}", "jwksUri", "exclude each other"),
        ("{issuer: a}", "jwks", "are not discovered"),
        ("{issuer: a, fromHeaders: [{name: ''}]}", "fromHeaders[0].name", "is not a header name"),
        ("{issuer: a, outputClaimToHeaders: [{claim: '', header: x}]}", "outputClaimToHeaders[0].claim", "is empty"),
    ],
)
def test_bad_request_authentications(rule: str, field: str, message: str) -> None:
    assert message in said("RequestAuthentication", f"{{jwtRules: [{rule}]}}")[f"spec.jwtRules[0].{field}"]
