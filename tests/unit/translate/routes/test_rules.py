"""What a VirtualService's HTTP rule does to a request."""

from typing import Any

import pytest
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.filters.http.cors.v3 import cors_pb2
from envoy.extensions.filters.http.fault.v3 import fault_pb2
from google.protobuf.json_format import MessageToDict
from tests.unit.translate.routes.simulate import Outcome, Request, simulate
from tests.unit.translate.routes.villages import Village, destination_rule, service, village, virtual_service

from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.mesh.proxy_config import HeaderSwitch, MeshProxyConfig, ProxyHeaders
from ostria.api.networking.virtual_service import HTTPRetry

WEB = service("web", 80)
HOST = "web.default.svc.cluster.local"


def mesh(http: str, **more: Any) -> Village:
    text = f"hosts: [web]\nhttp:\n{http}"
    return village(WEB, virtual_services=[virtual_service(text, name="web")], **more)


def send(http: str, path: str = "/", method: str = "GET", authority: str = "web", scheme: str = "http", **headers: str) -> Outcome:
    names = {k.replace("_", "-"): v for k, v in headers.items()}
    request = Request(authority=authority, path=path, method=method, scheme=scheme, headers=names)
    return simulate(mesh(http).config("80"), request)


def matched(match: str, path: str = "/", **request: str) -> bool:
    rule = f"- match: [{match}]\n  route: [{{destination: {{host: web}}}}]"
    return send(rule, path, **request).status != 404


def action(http: str, **more: Any) -> route_pb.RouteAction:
    return route(http, **more).route


def route(http: str, **more: Any) -> route_pb.Route:
    return mesh(http, **more).config("80").virtual_hosts[0].routes[0]


@pytest.mark.parametrize(
    ("match", "path", "wanted"),
    [
        ("{uri: {prefix: /foo}}", "/foobar", True),
        ("{uri: {prefix: /foo}}", "/foo?x=1", True),
        ("{uri: {prefix: /foo}}", "/FOO", False),
        ("{uri: {prefix: /foo}, ignoreUriCase: true}", "/FOO/1", True),
        ("{uri: {exact: /foo}}", "/foo", True),
        ("{uri: {exact: /foo}}", "/foo/", False),
        ("{uri: {exact: /foo}, ignoreUriCase: true}", "/Foo", True),
        ("{uri: {regex: '/a.c'}}", "/abc", True),
        ("{uri: {regex: '/a.c'}}", "/abcd", False),
        ("{queryParams: {v: {exact: '1'}}}", "/x?v=1", True),
        ("{queryParams: {v: {exact: '1'}}}", "/x?v=2", False),
        ("{queryParams: {v: {prefix: a}}}", "/x?v=abc", True),
        ("{queryParams: {v: {}}}", "/x?v=", True),
        ("{queryParams: {v: {}}}", "/x", False),
    ],
)
def test_paths_and_query_parameters(match: str, path: str, wanted: bool) -> None:
    assert matched(match, path) is wanted


@pytest.mark.parametrize(
    ("match", "request_", "wanted"),
    [
        ("{method: {exact: POST}}", {"method": "POST"}, True),
        ("{method: {exact: POST}}", {}, False),
        ("{scheme: {exact: https}}", {"scheme": "https"}, True),
        ("{scheme: {exact: https}}", {}, False),
        ("{authority: {prefix: web.}}", {"authority": "web.default"}, True),
        ("{authority: {prefix: web.}}", {}, False),
        ("{headers: {x-a: {}}}", {"x_a": ""}, True),
        ("{headers: {x-a: {}}}", {}, False),
        ("{headers: {x-a: {regex: '*'}}}", {"x_a": "anything"}, True),
        ("{headers: {x-a: {prefix: ''}}}", {"x_a": "anything"}, True),
        ("{headers: {x-a: {regex: 'a+'}}}", {"x_a": "aab"}, False),
        ("{headers: {X-A: {exact: '1'}}}", {"x_a": "1"}, True),
        ("{withoutHeaders: {x-a: {}}}", {}, True),
        ("{withoutHeaders: {x-a: {}}}", {"x_a": "1"}, False),
        ("{withoutHeaders: {x-a: {exact: '1'}}}", {}, True),
        ("{withoutHeaders: {x-a: {exact: '1'}}}", {"x_a": "1"}, False),
        ("{withoutHeaders: {x-a: {exact: '1'}}}", {"x_a": "2"}, True),
        ("{port: 80}", {}, True),
        ("{port: 8080}", {}, True),  # no route for the port: the service's own route answers
        ("{gateways: [mesh]}", {}, True),
    ],
)
def test_methods_headers_and_the_rest(match: str, request_: dict[str, str], wanted: bool) -> None:
    assert matched(match, **request_) is wanted


def test_claims_of_a_verified_token_route_requests() -> None:
    config = mesh(
        """
- match: [{headers: {"@request.auth.claims[group][id]": {exact: admin}}}]
  route: [{destination: {host: web, subset: admin}}]
- match: [{withoutHeaders: {"@request.auth.claims.sub": {prefix: a}}}]
  route: [{destination: {host: web, subset: stranger}}]
- route: [{destination: {host: web}}]
"""
    ).config("80")

    def to(claims: dict[str, object]) -> str:
        metadata = {"envoy.filters.http.jwt_authn": {"payload": claims}}
        return next(iter(simulate(config, Request(authority="web", metadata=metadata)).clusters))

    assert to({"group": {"id": "admin"}}) == f"outbound|80|admin|{HOST}"
    assert to({"group": {"id": ["user", "admin"]}}) == f"outbound|80|admin|{HOST}"
    assert to({"sub": "bob"}) == f"outbound|80|stranger|{HOST}"
    assert to({"sub": "alice"}) == f"outbound|80||{HOST}"


def test_weights_share_requests_out_and_a_weight_of_zero_gets_none() -> None:
    rule = "- route: [{destination: {host: web, subset: v1}, weight: 90}, {destination: {host: web, subset: v2}, weight: 10}, {destination: {host: x}, weight: 0}]"
    assert send(rule).clusters == {f"outbound|80|v1|{HOST}": 90.0, f"outbound|80|v2|{HOST}": 10.0}


def test_a_rule_without_any_usable_destination_answers_500() -> None:
    assert send("- route: [{destination: {host: a}, weight: 0}, {destination: {host: b}}]").status == 500
    assert send("- name: empty").status == 500


@pytest.mark.parametrize(
    ("match", "rewrite", "path", "wanted"),
    [
        ("{prefix: /a}", "{uri: /b}", "/a/x?q=1", "/b/x?q=1"),
        ("{prefix: /a}", "{uri: /}", "/a/x", "//x"),
        ("{prefix: /a/}", "{uri: /}", "/a/x", "/x"),
        ("{exact: /a}", "{uri: /b}", "/a?q=1", "/b?q=1"),
        ("{regex: '/a.*'}", "{uri: /b}", "/abc", "/b"),
        ("{prefix: /}", "{uriRegexRewrite: {match: '/v(\\d+)/(.*)', rewrite: '/\\2/v\\1'}}", "/v1/x", "/x/v1"),
    ],
)
def test_rewritten_paths(match: str, rewrite: str, path: str, wanted: str) -> None:
    assert send(f"- match: [{{uri: {match}}}]\n  rewrite: {rewrite}\n  route: [{{destination: {{host: web}}}}]", path).path == wanted


def test_a_rewritten_authority_is_stronger_than_host_headers() -> None:
    host = "headers: {request: {set: {Host: from-rule}}}"
    to = "{destination: {host: web}, headers: {request: {set: {host: from-destination}}}}"
    assert send(f"- route: [{to}]").authority == "from-destination"
    assert send(f"- {host}\n  route: [{to}]").authority == "from-rule"
    assert send(f"- {host}\n  rewrite: {{authority: from-rewrite}}\n  route: [{to}]").authority == "from-rewrite"


def test_host_headers_of_weighted_destinations_stay_apart() -> None:
    one = "{destination: {host: a}, weight: 1, headers: {request: {set: {host: a.example.com}, add: {x: '1'}}}}"
    first, second = action(f"- route: [{one}, {{destination: {{host: b}}, weight: 1}}]").weighted_clusters.clusters
    assert first.host_rewrite_literal == "a.example.com"
    assert [h.header.key for h in first.request_headers_to_add] == ["x"]
    assert not second.host_rewrite_literal


@pytest.mark.parametrize(
    ("redirect", "path", "status", "location"),
    [
        ("{uri: /new}", "/old", 301, "http://web/new"),
        ("{authority: example.com, redirectCode: 302}", "/x?q=1", 302, "http://example.com/x?q=1"),
        ("{scheme: https, redirectCode: 308}", "/", 308, "https://web/"),
        ("{port: 8443, scheme: https, redirectCode: 307}", "/", 307, "https://web:8443/"),
        ("{port: 443, scheme: https, redirectCode: 303}", "/", 303, "https://web/"),
        ("{derivePort: FROM_REQUEST_PORT}", "/", 301, "http://web/"),
        ("{derivePort: FROM_REQUEST_PORT, scheme: https}", "/", 301, "https://web:80/"),
        ("{prefixRewrite: /b}\n  match: [{uri: {prefix: /a}}]", "/a/x", 301, "http://web/b/x"),
        ("{redirectCode: 399}", "/", 500, ""),
    ],
)
def test_redirects(redirect: str, path: str, status: int, location: str) -> None:
    found = send(f"- redirect: {redirect}", path)
    assert (found.status, found.location) == (status, location)


def test_fixed_responses() -> None:
    text = route("- directResponse: {status: 503, body: {string: unknown error}}").direct_response
    assert (text.status, text.body.inline_string) == (503, "unknown error")
    assert route("- directResponse: {status: 200, body: {bytes: aGVsbG8=}}").direct_response.body.inline_bytes == b"hello"
    assert send("- directResponse: {status: 404}").status == 404


def test_headers_are_set_before_others_are_added_and_the_routes_before_the_destinations() -> None:
    found = route(
        """
- headers:
    request: {set: {b: '1', a: '2'}, add: {c: '3'}, remove: [x, Host, ":path"]}
    response: {add: {d: '4'}, remove: [y]}
  route: [{destination: {host: web}, headers: {request: {add: {e: '5'}}, response: {remove: [z]}}}]
"""
    )
    actions = [(h.header.key, h.append_action) for h in found.request_headers_to_add]
    assert actions == [("a", 2), ("b", 2), ("c", 0), ("e", 0)]
    assert list(found.request_headers_to_remove) == ["x"]
    assert list(found.response_headers_to_remove) == ["y", "z"]


def test_requests_have_no_timeout_and_two_retries_unless_told_otherwise() -> None:
    found = action("- route: [{destination: {host: web}}]")
    assert found.timeout.ToNanoseconds() == 0
    assert found.max_grpc_timeout.ToNanoseconds() == 0
    policy = MessageToDict(found.retry_policy)
    assert policy["retryOn"] == "connect-failure,refused-stream,unavailable,cancelled"
    assert policy["numRetries"] == 2
    assert policy["hostSelectionRetryMaxAttempts"] == "5"
    assert [p["name"] for p in policy["retryHostPredicate"]] == ["envoy.retry_host_predicates.previous_hosts"]
    assert "retriableStatusCodes" not in policy


def test_a_service_without_virtual_service_has_the_same_patience() -> None:
    assert (
        village(WEB).config("80").virtual_hosts[0].routes[0].route.retry_policy
        == action("- route: [{destination: {host: web}}]").retry_policy
    )


def test_timeouts_and_retries_as_asked_for() -> None:
    found = action(
        """
- timeout: 1.5s
  retries: {attempts: 3, perTryTimeout: 2s, retryOn: "503, reset,gateway-error,429", backoff: 10ms, retryRemoteLocalities: true, retryIgnorePreviousHosts: false}
  route: [{destination: {host: web}}]
"""
    )
    assert found.timeout.ToMilliseconds() == 1500
    assert found.max_grpc_timeout.ToMilliseconds() == 1500
    policy = found.retry_policy
    assert policy.num_retries.value == 3
    assert policy.retry_on == "reset,gateway-error,retriable-status-codes"
    assert list(policy.retriable_status_codes) == [503, 429]
    assert policy.per_try_timeout.ToMilliseconds() == 2000
    assert policy.retry_back_off.base_interval.ToMilliseconds() == 10
    assert policy.retry_priority.name == "envoy.retry_priorities.previous_priorities"
    assert not policy.retry_host_predicate


def test_no_attempts_means_no_retries() -> None:
    assert not action("- retries: {attempts: 0}\n  route: [{destination: {host: web}}]").HasField("retry_policy")


def test_the_meshs_retry_policy_stands_in_where_a_rule_has_none() -> None:
    config = MeshConfig(default_http_retry_policy=HTTPRetry(attempts=7, retry_on="5xx"))
    assert action("- route: [{destination: {host: web}}]", mesh_config=config).retry_policy.num_retries.value == 7
    assert village(WEB, mesh_config=config).config("80").virtual_hosts[0].routes[0].route.retry_policy.retry_on == "5xx"


def test_attempts_are_counted_in_a_header_unless_the_mesh_says_no() -> None:
    quiet = MeshConfig(default_config=MeshProxyConfig(proxy_headers=ProxyHeaders(attempt_count=HeaderSwitch(disabled=True))))
    assert village(WEB).config("80").virtual_hosts[0].include_request_attempt_count
    assert not village(WEB, mesh_config=quiet).config("80").virtual_hosts[0].include_request_attempt_count


def test_the_original_host_goes_along_where_the_mesh_asks_for_it() -> None:
    loud = MeshConfig(default_config=MeshProxyConfig(proxy_headers=ProxyHeaders(x_forwarded_host=HeaderSwitch(disabled=False))))
    rule = "- rewrite: {authority: other}\n  route: [{destination: {host: web}}]"
    assert not action(rule).append_x_forwarded_host
    assert action(rule, mesh_config=loud).append_x_forwarded_host


def fault(text: str) -> fault_pb2.HTTPFault:
    out = fault_pb2.HTTPFault()
    route(f"- fault: {text}\n  route: [{{destination: {{host: web}}}}]").typed_per_filter_config["envoy.filters.http.fault"].Unpack(out)
    return out


def test_injected_delays_and_aborts() -> None:
    found = fault("{delay: {fixedDelay: 7s, percentage: {value: 0.07}}, abort: {httpStatus: 500, percentage: {value: 100}}}")
    assert found.delay.fixed_delay.seconds == 7
    assert found.delay.percentage.numerator == 700
    assert (found.abort.http_status, found.abort.percentage.numerator) == (500, 1_000_000)
    assert fault("{abort: {grpcStatus: UNAVAILABLE, percentage: {value: 50}}}").abort.grpc_status == 14
    assert fault("{delay: {fixedDelay: 1s, percent: 10}}").delay.percentage.numerator == 10


def test_a_fault_without_percentage_touches_no_request() -> None:
    assert fault("{abort: {httpStatus: 500}}").abort.percentage.numerator == 0
    assert fault("{delay: {fixedDelay: 5s}}").delay.percentage.numerator == 0


def test_cross_origin_policy() -> None:
    out = cors_pb2.CorsPolicy()
    text = "{allowOrigins: [{exact: 'https://a'}, {regex: '.*b'}], allowMethods: [GET, POST], allowHeaders: [x], maxAge: 24h, allowCredentials: false, unmatchedPreflights: IGNORE}"
    route(f"- corsPolicy: {text}\n  route: [{{destination: {{host: web}}}}]").typed_per_filter_config["envoy.filters.http.cors"].Unpack(out)
    assert MessageToDict(out) == {
        "allowOriginStringMatch": [{"exact": "https://a"}, {"safeRegex": {"regex": ".*b"}}],
        "allowMethods": "GET,POST",
        "allowHeaders": "x",
        "maxAge": "86400",
        "allowCredentials": False,
        "filterEnabled": {"defaultValue": {"numerator": 100}},
        "forwardNotMatchingPreflights": False,
    }


def test_mirrors() -> None:
    rule = """
- route: [{destination: {host: web, subset: v1}}]
  mirror: {host: web, subset: v2}
  mirrorPercent: 25
  mirrors: [{destination: {host: shadow, port: {number: 81}}}, {destination: {host: none}, percentage: {value: 0}}]
"""
    first, second = action(rule).request_mirror_policies
    assert first.cluster == f"outbound|80|v2|{HOST}"
    assert first.runtime_fraction.default_value.numerator == 250_000
    assert second.cluster == "outbound|81||shadow.default.svc.cluster.local"
    assert second.runtime_fraction.default_value.numerator == 100
    assert not first.trace_sampled.value
    assert not action("- route: [{destination: {host: web}}]\n  mirror: {host: web}\n  mirrorPercent: 0").request_mirror_policies


@pytest.mark.parametrize(
    ("hash_", "wanted"),
    [
        ("{httpHeaderName: x-user}", {"header": {"headerName": "x-user"}}),
        ("{httpCookie: {name: user, path: /, ttl: 0s}}", {"cookie": {"name": "user", "path": "/", "ttl": "0s"}}),
        (
            "{httpCookie: {name: user, attributes: [{name: SameSite, value: Strict}]}}",
            {"cookie": {"name": "user", "attributes": [{"name": "SameSite", "value": "Strict"}]}},
        ),
        ("{useSourceIp: true}", {"connectionProperties": {"sourceIp": True}}),
        ("{httpQueryParameterName: u}", {"queryParameter": {"name": "u"}}),
    ],
)
def test_consistent_hashing(hash_: str, wanted: dict[str, object]) -> None:
    rule = destination_rule(f"{{host: web, trafficPolicy: {{loadBalancer: {{consistentHash: {hash_}}}}}}}")
    steered = action("- route: [{destination: {host: web}}]", rules=[rule])
    assert [MessageToDict(h) for h in steered.hash_policy] == [wanted]
    assert not steered.retry_policy.retry_host_predicate
    plain = village(WEB, rules=[rule]).config("80").virtual_hosts[0].routes[0].route
    assert [MessageToDict(h) for h in plain.hash_policy] == [wanted]


def test_the_subsets_hash_is_stronger_than_the_ports_and_that_than_the_hosts() -> None:
    def lb(header: str) -> str:
        return f"loadBalancer: {{consistentHash: {{httpHeaderName: {header}}}}}"

    rule = destination_rule(
        f"""
        host: web
        trafficPolicy: {{{lb("host")}, portLevelSettings: [{{port: {{number: 80}}, {lb("port")}}}]}}
        subsets: [{{name: v1, trafficPolicy: {{{lb("subset")}}}}}, {{name: v2}}]
        """
    )

    def header(to: str) -> str:
        return action(f"- route: [{{destination: {{host: web, {to}}}}}]", rules=[rule]).hash_policy[0].header.header_name

    assert [header("subset: v1"), header("subset: v2"), header("port: {number: 81}")] == ["subset", "port", "host"]


def test_names_and_the_path_of_the_object_that_made_a_route() -> None:
    found = route("- name: rule\n  match: [{name: first, uri: {prefix: /a}, statPrefix: s}]\n  route: [{destination: {host: web}}]")
    assert found.name == "rule.first"
    assert found.stat_prefix == "s"
    assert found.decorator.operation == f"{HOST}:80/a*"
    assert MessageToDict(found.metadata) == {
        "filterMetadata": {"istio": {"config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/web"}}
    }
    assert route("- redirect: {uri: /x}").decorator.operation == "web:80/*"
    plain = village(WEB).config("80").virtual_hosts[0].routes[0]
    assert (plain.name, plain.decorator.operation) == ("default", f"{HOST}:80/*")


def test_nothing_comes_after_a_rule_that_matches_everything() -> None:
    rule = "- match: [{uri: {prefix: /}}]\n  route: [{destination: {host: web}}]\n- redirect: {uri: /never}"
    assert len(mesh(rule).config("80").virtual_hosts[0].routes) == 1
