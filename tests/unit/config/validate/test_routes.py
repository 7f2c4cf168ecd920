"""VirtualService: what Istio refuses and warns about."""

import pytest
from tests.unit.config.validate.rules import said

TO_A = "route: [{destination: {host: a}}]"


def http(route: str, *, head: str = "hosts: [a]") -> dict[str, str]:
    return {
        field.removeprefix("spec.http[0]").removeprefix("."): text
        for field, text in said("VirtualService", f"{{{head}, http: [{{{route}}}]}}").items()
    }


@pytest.mark.parametrize(
    "route",
    [
        TO_A,
        "redirect: {uri: /b}",
        "directResponse: {status: 503, body: {string: gone}}",
        "delegate: {name: b, namespace: c}",
        f"{TO_A}, timeout: 5s, retries: {{attempts: 3, perTryTimeout: 2s, retryOn: 'gateway-error,503'}}",
        f"{TO_A}, match: [{{uri: {{regex: '/a/(b|c).*'}}, headers: {{end-user: {{exact: jason}}, x: {{}}}}}}]",
        f"{TO_A}, fault: {{delay: {{percentage: {{value: 0.1}}, fixedDelay: 7s}}, abort: {{grpcStatus: UNAVAILABLE}}}}",
        f"{TO_A}, headers: {{request: {{set: {{a: '100%% of %REQ(:path)%'}}, add: {{':authority': b}}}}}}",
        "route: [{destination: {host: a, port: {number: 80}, subset: v1}, weight: 0}, {destination: {host: b}, weight: 1}]",
        f"{TO_A}, corsPolicy: {{allowOrigins: [{{exact: '*'}}], allowMethods: [GET], maxAge: 24h}}",
        f"{TO_A}, mirrors: [{{destination: {{host: b}}, percentage: {{value: 10}}}}]",
        f"{TO_A}, rewrite: {{uriRegexRewrite: {{match: '/a(.*)', rewrite: '/b\\\\1'}}}}",
    ],
)
def test_good_routes(route: str) -> None:
    assert http(route) == {}


@pytest.mark.parametrize(
    ("route", "field", "message"),
    [
        ("timeout: 5s", "", "the route leads nowhere"),
        (f"{TO_A}, redirect: {{uri: /b}}", "redirect", "only one of"),
        (f"{TO_A}, delegate: {{name: b}}", "delegate", "only one of"),
        ("redirect: {uri: /b}, rewrite: {uri: /c}", "rewrite", "exclude each other"),
        ("redirect: {redirectCode: 301}", "redirect", "leads to the same place"),
        ("redirect: {uri: /, redirectCode: 200}", "redirect.redirectCode", "is not a redirect"),
        ("redirect: {uri: /, port: 80, derivePort: FROM_REQUEST_PORT}", "redirect.derivePort", "exclude each other"),
        ("directResponse: {status: 99}", "directResponse.status", "is not a status"),
        (f"{TO_A}, timeout: 0s", "timeout", "shorter than a millisecond"),
        (f"{TO_A}, timeout: 1.0005s", "timeout", "not a whole number of milliseconds"),
        (f"{TO_A}, retries: {{attempts: -1}}", "retries.attempts", "is negative"),
        (f"{TO_A}, retries: {{perTryTimeout: 1s}}", "retries", "retries are off"),
        (f"{TO_A}, retries: {{attempts: 1, retryOn: always}}", "retries.retryOn", "is no reason to retry"),
        (f"{TO_A}, match: [{{uri: {{regex: '(?=a)'}}}}]", "match[0].uri.regex", "is not a regular expression of RE2"),
        (f"{TO_A}, match: [{{uri: {{prefix: ''}}}}]", "match[0].uri.prefix", "the prefix is empty"),
        (f"{TO_A}, match: [{{uri: {{prefix: /, exact: /}}}}]", "match[0].uri.prefix", "only one of exact and prefix"),
        (f"{TO_A}, match: [{{headers: {{'a b': {{exact: c}}}}}}]", 'match[0].headers["a b"]', "is not a header name"),
        (
            f"{TO_A}, match: [{{headers: {{'@request.auth.claims.g': {{exact: c}}}}}}]",
            'match[0].headers["@request.auth.claims.g"]',
            "at gateways only",
        ),
        (f"{TO_A}, match: [{{sourceNamespace: A_b}}]", "match[0].sourceNamespace", "is not a namespace"),
        (f"{TO_A}, match: [{{gateways: ['a/b/c']}}]", "match[0].gateways[0]", "is not a gateway"),
        (f"{TO_A}, fault: {{}}", "fault", "the fault is empty"),
        (f"{TO_A}, fault: {{abort: {{httpStatus: 700}}}}", "fault.abort.httpStatus", "is not a status"),
        (f"{TO_A}, fault: {{abort: {{grpcStatus: BUSY}}}}", "fault.abort.grpcStatus", "is not a gRPC status"),
        (f"{TO_A}, fault: {{abort: {{http2Error: x}}}}", "fault.abort.http2Error", "is not supported"),
        (
            f"{TO_A}, fault: {{delay: {{fixedDelay: 1s, percentage: {{value: 101}}}}}}",
            "fault.delay.percentage.value",
            "is not a percentage",
        ),
        (f"{TO_A}, headers: {{request: {{set: {{host: b}}, add: {{':authority': c}}}}}}", "rewrite.authority", "more than one place"),
        (f"{TO_A}, headers: {{response: {{set: {{':status': '200'}}}}}}", 'headers.response.set[":status"]', "can't be changed"),
        (f"{TO_A}, headers: {{request: {{remove: [Host]}}}}", "headers.request.remove[0]", "can't be changed"),
        (f"{TO_A}, headers: {{request: {{add: {{a: 50%}}}}}}", "headers.request.add.a", "has a % that begins nothing"),
        ("route: [{destination: {host: '*'}}]", "route[0].destination.host", "is not a host to send to"),
        ("route: [{destination: {host: a, subset: V_1}}]", "route[0].destination.subset", "is not a name"),
        ("route: [{destination: {host: a, port: {number: 0}}}]", "route[0].destination.port.number", "is not a port"),
        ("route: [{destination: {host: a}, weight: -1}]", "route[0].weight", "is negative"),
        ("route: [{destination: {host: a}}, {destination: {host: b}}]", "route", "no destination has a weight"),
        (f"{TO_A}, mirrorPercentage: {{value: 101}}", "mirrorPercentage.value", "is not a percentage"),
        (f"{TO_A}, mirror: {{host: b}}, mirrors: [{{destination: {{host: c}}}}]", "mirror", "exclude each other"),
        (f"{TO_A}, rewrite: {{}}", "rewrite", "changes nothing"),
        (f"{TO_A}, rewrite: {{uri: /, uriRegexRewrite: {{match: a, rewrite: b}}}}", "rewrite.uriRegexRewrite", "exclude each other"),
        (f"{TO_A}, corsPolicy: {{allowMethods: [FETCH]}}", "corsPolicy.allowMethods[0]", "is not an HTTP method"),
        (f"{TO_A}, corsPolicy: {{allowOrigins: [{{}}]}}", "corsPolicy.allowOrigins[0]", "the origin is empty"),
        (f"{TO_A}, corsPolicy: {{maxAge: 1500ms}}", "corsPolicy.maxAge", "whole number of seconds"),
    ],
)
def test_bad_routes(route: str, field: str, message: str) -> None:
    found = http(route)
    assert field in found, found
    assert message in found[field]
    assert found[field].startswith("error")


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ("{hosts: [a]}", "spec", "error: there are no routes"),
        (f"{{hosts: ['*'], http: [{{{TO_A}}}]}}", "spec.hosts[0]", "error: the host * would take all traffic in the mesh"),
        (f"{{hosts: ['a.*'], http: [{{{TO_A}}}]}}", "spec.hosts[0]", "error: 'a.*' is not a host"),
        (f"{{hosts: ['*.b.c', 'a.b.c'], http: [{{{TO_A}}}]}}", "spec.hosts[1]", "error: 'a.b.c' is there already"),
        (f"{{gateways: [g], http: [{{{TO_A}}}]}}", "spec.gateways", "error: a VirtualService without hosts is one to delegate to"),
        (f"{{hosts: [a], exportTo: ['.', b, '*'], http: [{{{TO_A}}}]}}", "spec.exportTo", "error: * exports to everybody"),
        (f"{{hosts: [a], exportTo: ['~'], http: [{{{TO_A}}}]}}", "spec.exportTo[0]", "error: only a ServiceEntry"),
        (f"{{hosts: [a], exportTo: ['.', default], http: [{{{TO_A}}}]}}", "spec.exportTo[1]", "error: 'default' is there twice"),
        (f"{{hosts: [a], http: [{{{TO_A}}}, {{{TO_A}}}]}}", "spec.http[1]", "warning: never used: rule 0"),
        (
            f"{{hosts: [a], http: [{{match: [{{uri: {{exact: /}}}}], {TO_A}}}, {{match: [{{name: x, uri: {{exact: /}}}}], {TO_A}}}]}}",
            "spec.http[1]",
            "warning: never used: earlier rules have all its matches",
        ),
        (
            f"{{http: [{{match: [{{uri: {{regex: .*}}}}], {TO_A}}}]}}",
            "spec.http[0].match[0].uri.regex",
            "error: a regular expression can't stand",
        ),
        (
            f"{{hosts: [a.b], tls: [{{match: [{{sniHosts: [c.d]}}], {TO_A}}}]}}",
            "spec.tls[0].match[0].sniHosts[0]",
            "error: 'c.d' is none of the hosts",
        ),
        (f"{{hosts: [a.b], tls: [{{match: [], {TO_A}}}]}}", "spec.tls[0]", "error: a TLS route needs at least one match"),
        (
            "{hosts: [a.b], tcp: [{match: [{destinationSubnets: [10.0.0.0/33]}]}]}",
            "spec.tcp[0].match[0].destinationSubnets[0]",
            "error: '10.0.0.0/33'",
        ),
        ("{hosts: [a.b], tcp: [{match: [{port: 0}]}]}", "spec.tcp[0]", "error: the route leads nowhere"),
    ],
)
def test_virtual_services(spec: str, field: str, message: str) -> None:
    found = said("VirtualService", spec)
    assert found.get(field, found).startswith(message) if field in found else pytest.fail(str(found))


def test_at_a_gateway_every_host_and_claims_are_fine() -> None:
    match = "match: [{headers: {'@request.auth.claims[group][sub]': {exact: a}}}]"
    assert said("VirtualService", f"{{hosts: ['*'], gateways: [ns/g], http: [{{{match}, {TO_A}}}]}}") == {}
