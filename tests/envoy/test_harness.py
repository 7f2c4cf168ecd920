"""The judge must be able to say no."""

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from tests.envoy.harness import Rejected, validate

ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def listener(routes: str, port: int = 9080) -> Listener:
    manager = HttpConnectionManager(stat_prefix="x")
    manager.rds.route_config_name = routes
    manager.rds.config_source.ads.SetInParent()
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.type_url = ROUTER
    made = Listener(name=f"0.0.0.0_{port}")
    made.address.socket_address.address, made.address.socket_address.port_value = "0.0.0.0", port
    made.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager").typed_config.Pack(manager)
    return made


def route(name: str, *domains: str) -> RouteConfiguration:
    made = RouteConfiguration(name=name)
    for i, domain in enumerate(domains):
        host = made.virtual_hosts.add(name=f"host-{i}", domains=[domain])
        host.routes.add(match={"prefix": "/"}, route={"cluster": "missing"})
    return made


def test_good_resources_pass_and_equal_names_are_told_apart() -> None:
    cluster = Cluster(name="c", type=Cluster.EDS)
    validate(
        listeners=[listener("9080"), listener("9080")], routes=[route("9080", "*"), route("9080", "a", "b")], clusters=[cluster, cluster]
    )


def test_a_bad_route_configuration_fails_through_the_listener_that_names_it() -> None:
    with pytest.raises(Rejected, match=r"a\.example"):
        validate(listeners=[listener("9080")], routes=[route("9080", "a.example", "a.example")])


def test_a_bad_route_configuration_fails_without_a_listener_too() -> None:
    with pytest.raises(Rejected, match=r"a\.example"):
        validate(routes=[route("80", "a.example", "a.example")])


def test_a_second_route_configuration_of_a_name_is_judged_as_well() -> None:
    with pytest.raises(Rejected, match=r"a\.example"):
        validate(listeners=[listener("9080")], routes=[route("9080", "*"), route("9080", "a.example", "a.example")])


def test_a_bad_listener_fails() -> None:
    bad = listener("9080")
    bad.filter_chains.append(bad.filter_chains[0])
    with pytest.raises(Rejected):
        validate(listeners=[bad])


def test_a_bad_cluster_fails() -> None:
    with pytest.raises(Rejected):
        validate(clusters=[Cluster(name="")])


def test_tls_settings_are_judged_behind_their_secrets() -> None:
    bad, context = listener("9080"), DownstreamTlsContext()
    context.common_tls_context.tls_certificate_sds_secret_configs.add(name="default").sds_config.ads.SetInParent()
    context.common_tls_context.tls_params.cipher_suites.append("NO-SUCH-CIPHER")
    bad.filter_chains[0].transport_socket.name = "envoy.transport_sockets.tls"
    bad.filter_chains[0].transport_socket.typed_config.Pack(context)
    with pytest.raises(Rejected, match="NO-SUCH-CIPHER"):
        validate(listeners=[bad])
