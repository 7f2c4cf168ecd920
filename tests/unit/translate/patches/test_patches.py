"""EnvoyFilters against what is generated."""

from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from google.protobuf.message import Message
from tests.unit.translate.routes.villages import decode

from ostria.api.meta import ObjectKey
from ostria.api.networking.envoy_filter import EnvoyConfigObjectPatch
from ostria.snapshot.view import PatchSet
from ostria.translate.filters.proto import pack
from ostria.translate.patches import Context, Patches, Stage, problem_of, select

OWNER = ObjectKey("EnvoyFilter", "default", "ef")


def patches(stage: Stage, *texts: str, context: Context = Context.OUTBOUND, ports: tuple[tuple[int, int], ...] = ()) -> Patches:
    given = tuple((OWNER, decode(text, EnvoyConfigObjectPatch)) for text in texts)
    for _, patch in given:
        assert problem_of(patch) is None
    found = select(PatchSet(patches=given), stage, context, ports)
    assert found is not None
    return found


def applied(message: Any, stage: Stage, *texts: str, **more: Any) -> Any:
    result = patches(stage, *texts, **more).apply(message)
    return None if result is None else result.message


def cluster(name: str = "outbound|80|v1|web.default.svc.cluster.local") -> Cluster:
    made = Cluster(name=name)
    made.connect_timeout.seconds = 10
    return made


def chain(name: str, *filters: str, port: int = 0, sni: str = "") -> FilterChain:
    manager = HttpConnectionManager(stat_prefix="x")
    for each in filters:
        manager.http_filters.add(name=each)
    made = FilterChain(name=name, filters=[Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))])
    if port:
        made.filter_chain_match.destination_port.value = port
    if sni:
        made.filter_chain_match.server_names.append(sni)
    return made


def listener(*chains: FilterChain, name: str = "0.0.0.0_80", port: int = 80) -> Listener:
    made = Listener(name=name, filter_chains=chains)
    made.address.socket_address.port_value = port
    return made


def http_filters(message: Listener, at: int = 0) -> list[str]:
    manager = HttpConnectionManager()
    message.filter_chains[at].filters[-1].typed_config.Unpack(manager)
    return [f.name for f in manager.http_filters]


LUA = """
    name: lua
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
      default_source_code: {inline_string: "function envoy_on_request(h) end"}
"""
ROUTER_MATCH = """
match:
  listener:
    filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}}
"""


def test_a_duration_is_replaced_and_not_mixed() -> None:
    before = cluster()
    before.connect_timeout.nanos = 5
    after = applied(before, Stage.CLUSTER, "applyTo: CLUSTER\npatch: {operation: MERGE, value: {connect_timeout: 3s}}")
    assert (after.connect_timeout.seconds, after.connect_timeout.nanos) == (3, 0)


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ("{service: web.default.svc.cluster.local}", True),
        ("{service: web.default.svc.cluster.local, portNumber: 80, subset: v1}", True),
        ("{portNumber: 81}", False),
        ("{subset: v2}", False),
        ("{service: other.default.svc.cluster.local}", False),
        ("{name: 'outbound|80|v1|web.default.svc.cluster.local'}", True),
        ("{name: other}", False),
    ],
)
def test_which_clusters_are_meant(match: str, meant: bool) -> None:
    text = f"applyTo: CLUSTER\nmatch: {{cluster: {match}}}\npatch: {{operation: REMOVE}}"
    assert (applied(cluster(), Stage.CLUSTER, text) is None) is meant


def test_an_inbound_cluster_is_known_by_its_services() -> None:
    before = cluster("inbound|8080||")
    before.metadata.filter_metadata["istio"]["services"] = [{"host": "web.default.svc.cluster.local"}]
    text = "applyTo: CLUSTER\nmatch: {cluster: {service: web.default.svc.cluster.local}}\npatch: {operation: REMOVE}"
    assert applied(before, Stage.CLUSTER, text, context=Context.INBOUND) is None


def test_another_side_is_not_meant() -> None:
    text = "applyTo: CLUSTER\nmatch: {context: SIDECAR_INBOUND}\npatch: {operation: REMOVE}"
    given = PatchSet(patches=((OWNER, decode(text, EnvoyConfigObjectPatch)),))
    assert select(given, Stage.CLUSTER, Context.OUTBOUND) is None
    assert select(given, Stage.CLUSTER, Context.INBOUND) is not None


def test_a_new_cluster_is_for_the_outbound_side_unless_it_says_otherwise() -> None:
    text = "applyTo: CLUSTER\npatch: {operation: ADD, value: {name: mine, connect_timeout: 1s, type: STATIC}}"
    assert [b.name for b in patches(Stage.CLUSTER, text).added()] == ["mine"]
    assert list(patches(Stage.CLUSTER, text, context=Context.INBOUND).added()) == []


def test_lists_grow_or_are_replaced() -> None:
    value = "value: {health_checks: [{timeout: 1s}]}"
    before = cluster()
    before.health_checks.add()
    assert len(applied(before, Stage.CLUSTER, f"applyTo: CLUSTER\npatch: {{operation: MERGE, {value}}}").health_checks) == 2
    before = cluster()
    before.health_checks.add()
    assert (
        len(applied(before, Stage.CLUSTER, f"applyTo: CLUSTER\npatch: {{operation: MERGE_AND_REPLACE_LIST, {value}}}").health_checks) == 1
    )


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("INSERT_BEFORE", ["a", "lua", "envoy.filters.http.router"]),
        ("INSERT_AFTER", ["a", "envoy.filters.http.router", "lua"]),
        ("INSERT_FIRST", ["lua", "a", "envoy.filters.http.router"]),
        ("ADD", ["a", "envoy.filters.http.router", "lua"]),
        ("REPLACE", ["a", "lua"]),
    ],
)
def test_http_filters(operation: str, expected: list[str]) -> None:
    text = f"applyTo: HTTP_FILTER{ROUTER_MATCH}patch:\n  operation: {operation}\n  value:{LUA}"
    assert http_filters(applied(listener(chain("c", "a", "envoy.filters.http.router")), Stage.LISTENER, text)) == expected


def test_removing_an_http_filter_needs_its_name() -> None:
    named = f"applyTo: HTTP_FILTER{ROUTER_MATCH}patch: {{operation: REMOVE}}"
    assert http_filters(applied(listener(chain("c", "a", "envoy.filters.http.router")), Stage.LISTENER, named)) == ["a"]
    unnamed = "applyTo: HTTP_FILTER\npatch: {operation: REMOVE}"
    assert http_filters(applied(listener(chain("c", "a")), Stage.LISTENER, unnamed)) == ["a"]


def test_the_configuration_of_a_filter_is_merged_inside() -> None:
    text = """
    applyTo: NETWORK_FILTER
    match: {listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
    patch:
      operation: MERGE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          xff_num_trusted_hops: 2
    """
    after = applied(listener(chain("c", "a")), Stage.LISTENER, text)
    manager = HttpConnectionManager()
    after.filter_chains[0].filters[0].typed_config.Unpack(manager)
    assert (manager.xff_num_trusted_hops, manager.stat_prefix, len(manager.http_filters)) == (2, "x", 1)


def test_a_configuration_of_another_type_stays_as_it_was() -> None:
    text = f"""
    applyTo: NETWORK_FILTER
    match: {{listener: {{filterChain: {{filter: {{name: envoy.filters.network.http_connection_manager}}}}}}}}
    patch:
      operation: MERGE
      value: {{typed_config: {{"@type": type.googleapis.com/{Lua.DESCRIPTOR.full_name}}}}}
    """
    assert http_filters(applied(listener(chain("c", "a")), Stage.LISTENER, text)) == ["a"]


def test_filter_chains_are_told_apart() -> None:
    inbound = [chain("a", port=80), chain("b", port=81, sni="x.example.com")]
    for match in (
        "{portNumber: 81}",
        "{filterChain: {name: b}}",
        "{filterChain: {sni: x.example.com}}",
        "{filterChain: {destinationPort: 81}}",
    ):
        text = f"applyTo: FILTER_CHAIN\nmatch: {{listener: {match}}}\npatch: {{operation: REMOVE}}"
        after = applied(listener(*inbound, name="virtualInbound", port=15006), Stage.LISTENER, text)
        assert [c.name for c in after.filter_chains] == ["a"], match


def test_listener_filters_and_whole_listeners() -> None:
    proxy_protocol = """
    applyTo: LISTENER_FILTER
    patch:
      operation: INSERT_FIRST
      value:
        name: proxy_protocol
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}
    """
    buffers = (
        "applyTo: LISTENER\nmatch: {listener: {portNumber: 80}}\npatch: {operation: MERGE, value: {per_connection_buffer_limit_bytes: 7}}"
    )
    after = applied(listener(chain("c")), Stage.LISTENER, proxy_protocol, buffers)
    assert [f.name for f in after.listener_filters] == ["proxy_protocol"]
    assert after.per_connection_buffer_limit_bytes.value == 7
    assert (
        applied(listener(), Stage.LISTENER, "applyTo: LISTENER\nmatch: {listener: {name: 0.0.0.0_80}}\npatch: {operation: REMOVE}") is None
    )


def config(name: str = "80") -> RouteConfiguration:
    first = Route(name="first")
    first.route.cluster = "a"
    second = Route(name="second")
    second.redirect.host_redirect = "b"
    host = VirtualHost(name="web.default.svc.cluster.local:80", domains=["web", "web.default"], routes=[first, second])
    return RouteConfiguration(name=name, virtual_hosts=[host, VirtualHost(name="allow_any", domains=["*"])])


def routes_of(message: RouteConfiguration) -> list[str]:
    return [r.name for r in message.virtual_hosts[0].routes]


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ("{portNumber: 80}", True),
        ("{portNumber: 81}", False),
        ("{name: '80'}", True),
        ("{vhost: {name: 'web.default.svc.cluster.local:80'}}", True),
        ("{vhost: {domainName: web.default}}", True),
        ("{vhost: {domainName: other}}", False),
        ("{vhost: {route: {name: first}}}", True),
        ("{vhost: {route: {action: ROUTE}}}", True),
        ("{vhost: {name: other}}", False),
    ],
)
def test_which_routes_are_meant(match: str, meant: bool) -> None:
    text = f"applyTo: HTTP_ROUTE\nmatch: {{routeConfiguration: {match}}}\npatch: {{operation: MERGE, value: {{route: {{timeout: 7s}}}}}}"
    after = applied(config(), Stage.ROUTE, text)
    assert (after.virtual_hosts[0].routes[0].route.timeout.seconds == 7) is meant


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("INSERT_BEFORE", ["first", "new", "second"]),
        ("INSERT_AFTER", ["first", "second", "new"]),
        ("INSERT_FIRST", ["new", "first", "second"]),
        ("ADD", ["first", "second", "new"]),
        ("REMOVE", ["first"]),
    ],
)
def test_routes(operation: str, expected: list[str]) -> None:
    text = f"""
    applyTo: HTTP_ROUTE
    match: {{routeConfiguration: {{vhost: {{name: "web.default.svc.cluster.local:80", route: {{name: second}}}}}}}}
    patch: {{operation: {operation}, value: {{name: new, match: {{prefix: /}}, route: {{cluster: c}}}}}}
    """
    assert routes_of(applied(config(), Stage.ROUTE, text)) == expected


def test_virtual_hosts_come_and_go() -> None:
    add = "applyTo: VIRTUAL_HOST\npatch: {operation: ADD, value: {name: new, domains: [new.example.com]}}"
    remove = "applyTo: VIRTUAL_HOST\nmatch: {routeConfiguration: {vhost: {name: allow_any}}}\npatch: {operation: REMOVE}"
    after = applied(config(), Stage.ROUTE, add, remove)
    assert [h.name for h in after.virtual_hosts] == ["web.default.svc.cluster.local:80", "new"]


@pytest.mark.parametrize(
    ("name", "match", "meant"),
    [
        ("http.8080", "{portNumber: 80}", True),
        ("http.8080", "{portNumber: 8080}", False),
        ("http.9090", "{portNumber: 9090}", True),
        ("https.443.https.gw.istio-system", "{gateway: istio-system/gw, portName: https}", True),
        ("https.443.https.gw.istio-system", "{gateway: istio-system/other}", False),
    ],
)
def test_route_configurations_of_gateways(name: str, match: str, meant: bool) -> None:
    text = f"""
    applyTo: ROUTE_CONFIGURATION
    match: {{routeConfiguration: {match}}}
    patch: {{operation: MERGE, value: {{response_headers_to_remove: [server]}}}}
    """
    after = applied(config(name), Stage.ROUTE, text, context=Context.GATEWAY, ports=((80, 8080),))
    assert bool(after.response_headers_to_remove) is meant


def test_inbound_routes_stand_in_the_listener() -> None:
    manager = HttpConnectionManager(route_config=config("inbound|8080||"))
    inside = FilterChain(filters=[Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))])
    text = """
    applyTo: HTTP_ROUTE
    match: {context: SIDECAR_INBOUND, routeConfiguration: {portNumber: 8080}}
    patch: {operation: MERGE, value: {route: {timeout: 7s}}}
    """
    after = applied(listener(inside, name="virtualInbound"), Stage.INBOUND_LISTENER, text, context=Context.INBOUND)
    after.filter_chains[0].filters[0].typed_config.Unpack(manager)
    assert manager.route_config.virtual_hosts[0].routes[0].route.timeout.seconds == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("applyTo: BOOTSTRAP\npatch: {operation: MERGE, value: {}}", "BOOTSTRAP"),
        ("applyTo: CLUSTER\npatch: {operation: MERGE, value: {conect_timeout: 3s}}", "conect_timeout"),
        ("applyTo: CLUSTER\npatch: {operation: INSERT_FIRST, value: {name: x}}", "INSERT_FIRST"),
        (
            "applyTo: HTTP_FILTER\npatch: {operation: ADD, value: {name: x, typed_config: {'@type': type.googleapis.com/no.such.Type}}}",
            "no.such",
        ),
        ("applyTo: CLUSTER\npatch: {operation: ADD}", "no value"),
    ],
)
def test_a_bad_patch_says_what_is_wrong_and_is_left_out(text: str, words: str) -> None:
    patch = decode(text, EnvoyConfigObjectPatch)
    assert words in (problem_of(patch) or "")
    found = select(PatchSet(patches=((OWNER, patch),)), Stage.CLUSTER, Context.OUTBOUND)
    if found is not None:
        assert list(found.added()) == []
        before: Message = cluster()
        result = found.apply(before)
        assert result is not None
        assert result.origins == ()


def test_patches_are_equal_when_they_hold_the_same_objects() -> None:
    patch = decode("applyTo: CLUSTER\npatch: {operation: REMOVE}", EnvoyConfigObjectPatch)
    other = decode("applyTo: CLUSTER\npatch: {operation: REMOVE}", EnvoyConfigObjectPatch)
    one, same, different = (select(PatchSet(patches=((OWNER, p),)), Stage.CLUSTER, Context.OUTBOUND) for p in (patch, patch, other))
    assert one == same
    assert hash(one) == hash(same)
    assert one != different
