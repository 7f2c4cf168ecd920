"""Which clusters a sidecar has, and what is in them."""

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from tests.unit.translate.clusters.towns import SIDE_CARS, pod, rejected, town
from tests.unit.translate.routes.villages import destination_rule, service

from ostria.registry.model import Endpoint, Protocol, Resolution
from ostria.translate import clusters

REVIEWS = service("reviews", 9080, addresses=("10.0.0.2",))
V1, V2 = pod("reviews-v1", "10.1.0.1"), pod("reviews-v2", "10.1.0.2", mutual=False)
NAME = "outbound|9080||reviews.default.svc.cluster.local"
SUBSETS = destination_rule(
    """
    host: reviews
    trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
    subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}}
    """
)


def http_options(cluster: Cluster) -> HttpProtocolOptions:
    options = HttpProtocolOptions()
    cluster.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].Unpack(options)
    return options


def tls_context(cluster: Cluster) -> UpstreamTlsContext:
    context = UpstreamTlsContext()
    socket = cluster.transport_socket_matches[0].transport_socket if cluster.transport_socket_matches else cluster.transport_socket
    assert socket.typed_config.Unpack(context)
    return context


def accepted_names(cluster: Cluster) -> list[str]:
    validation = tls_context(cluster).common_tls_context.combined_validation_context.default_validation_context
    return [m.matcher.exact or m.matcher.prefix for m in validation.match_typed_subject_alt_names]


def test_a_service_has_one_cluster_for_each_port_and_one_more_for_each_subset() -> None:
    view = town(service("reviews", 9080, 9090), rules=[SUBSETS])
    assert [n for n in view.clusters if n.startswith("outbound")] == [
        f"outbound|{port}|{subset}|reviews.default.svc.cluster.local" for port in (9080, 9090) for subset in ("", "v1", "v2")
    ]
    assert {"PassthroughCluster", "BlackHoleCluster"} < view.clusters.keys()


def test_what_a_service_gets_when_nobody_says_anything() -> None:
    cluster = town(REVIEWS, inhabitants={REVIEWS: [V1]}).cluster(NAME)
    assert cluster.type == Cluster.EDS
    assert cluster.eds_cluster_config.service_name == NAME
    assert cluster.connect_timeout.seconds == 10
    assert cluster.lb_policy == Cluster.LEAST_REQUEST
    assert cluster.circuit_breakers.thresholds[0].max_retries.value == 2**32 - 1
    assert cluster.alt_stat_name == NAME + ";"


def test_mutual_tls_is_chosen_for_each_endpoint_and_its_identity_is_checked() -> None:
    cluster = town(REVIEWS, inhabitants={REVIEWS: [V1, V2]}).cluster(NAME)
    assert [m.name for m in cluster.transport_socket_matches] == ["tlsMode-istio", "tlsMode-disabled"]
    assert cluster.transport_socket_matches[0].match["tlsMode"] == "istio"
    context = tls_context(cluster)
    assert context.sni == "outbound_.9080_._.reviews.default.svc.cluster.local"
    assert list(context.common_tls_context.alpn_protocols) == ["istio-peer-exchange", "istio"]
    assert accepted_names(cluster) == [SIDE_CARS.format("reviews")]


def test_without_known_identities_only_the_own_trust_domain_is_accepted() -> None:
    assert accepted_names(town(REVIEWS).cluster(NAME)) == ["spiffe://cluster.local/"]


def test_http2_services_are_spoken_to_in_http2() -> None:
    grpc = service("echo", (7070, Protocol.GRPC))
    cluster = town(grpc).cluster("outbound|7070||echo.default.svc.cluster.local")
    assert http_options(cluster).explicit_http_config.HasField("http2_protocol_options")
    assert list(tls_context(cluster).common_tls_context.alpn_protocols)[-1] == "h2"


def test_an_unnamed_port_gets_the_http_that_the_client_speaks() -> None:
    unknown = service("echo", (7070, Protocol.AUTO))
    options = http_options(town(unknown).cluster("outbound|7070||echo.default.svc.cluster.local"))
    assert options.HasField("use_downstream_protocol_config")


def test_a_subset_overrides_only_what_it_names() -> None:
    view = town(REVIEWS, rules=[SUBSETS])
    v2 = view.cluster("outbound|9080|v2|reviews.default.svc.cluster.local")
    assert v2.lb_policy == Cluster.ROUND_ROBIN
    assert v2.circuit_breakers.thresholds[0].max_connections.value == 7
    assert v2.metadata.filter_metadata["istio"]["subset"] == "v2"
    assert v2.metadata.filter_metadata["istio"]["config"] == ("/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews")


def test_a_port_level_policy_replaces_the_whole_policy() -> None:
    rule = destination_rule(
        """
        host: reviews
        trafficPolicy:
          loadBalancer: {simple: RANDOM}
          connectionPool: {tcp: {maxConnections: 3}}
          portLevelSettings:
          - port: {number: 9080}
            connectionPool: {http: {http2MaxRequests: 5}}
        """
    )
    cluster = town(REVIEWS, rules=[rule]).cluster(NAME)
    assert cluster.lb_policy == Cluster.LEAST_REQUEST
    assert cluster.circuit_breakers.thresholds[0].max_connections.value == 2**32 - 1
    assert cluster.circuit_breakers.thresholds[0].max_requests.value == 5


@pytest.mark.parametrize("mode", ["SIMPLE", "MUTUAL"])
def test_tls_to_the_outside_checks_the_host_that_was_asked_for(mode: str) -> None:
    outside = service("api.example.com", (443, Protocol.HTTP), external=True, resolution=Resolution.DNS)
    files = "clientCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem"
    rule = destination_rule(f"{{host: api.example.com, trafficPolicy: {{tls: {{mode: {mode}, {files}}}}}}}")
    view = town(outside, rules=[rule], inhabitants={outside: [Endpoint(address="api.example.com", port=443)]})
    cluster = view.cluster("outbound|443||api.example.com")
    options = http_options(cluster).upstream_http_protocol_options
    assert options.auto_sni
    assert options.auto_san_validation
    common = tls_context(cluster).common_tls_context
    assert common.combined_validation_context.validation_context_sds_secret_config.name == "file-root:/ca.pem"
    assert bool(common.tls_certificate_sds_secret_configs) is (mode == "MUTUAL")


def test_mutual_without_a_certificate_is_no_cluster_rather_than_a_weaker_one() -> None:
    rule = destination_rule("{host: reviews, trafficPolicy: {tls: {mode: MUTUAL}}}")
    view = town(REVIEWS, rules=[rule])
    with pytest.raises(ValueError, match="clientCertificate"):
        clusters.build(next(iter(clusters.keys(view))))


def test_a_passthrough_load_balancer_goes_where_the_client_dialled() -> None:
    rule = destination_rule("{host: reviews, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}")
    cluster = town(REVIEWS, rules=[rule], inhabitants={REVIEWS: [V1]}).cluster(NAME)
    assert cluster.type == Cluster.ORIGINAL_DST
    assert cluster.lb_policy == Cluster.CLUSTER_PROVIDED
    assert accepted_names(cluster) == [SIDE_CARS.format("reviews")]
    plain = town(REVIEWS, rules=[rule], inhabitants={REVIEWS: [V1, V2]}).cluster(NAME)
    assert not plain.HasField("transport_socket")


EVERYTHING = """
host: reviews
trafficPolicy:
  connectionPool:
    tcp: {maxConnections: 1, connectTimeout: 2s, maxConnectionDuration: 60s, idleTimeout: 5s, tcpKeepalive: {probes: 3, time: 7200s, interval: 75s}}
    http: {http1MaxPendingRequests: 1, http2MaxRequests: 2, maxRequestsPerConnection: 3, maxRetries: 4, idleTimeout: 6s, h2UpgradePolicy: UPGRADE,
      maxConcurrentStreams: 9, http2KeepAlive: {interval: 10s, timeout: 1s}}
  outlierDetection: {consecutive5xxErrors: 2, consecutiveGatewayErrors: 0, interval: 1s, baseEjectionTime: 30s, maxEjectionPercent: 100,
    minHealthPercent: 30, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 4, outlierDetectionHttpErrorCodes: [429, 503]}
  retryBudget: {percent: 10, minRetryConcurrency: 2}
  proxyProtocol: {version: V2}
  tls: {mode: ISTIO_MUTUAL}
  loadBalancer:
    LB
"""
BALANCERS = [
    "{simple: ROUND_ROBIN, warmup: {duration: 10s, aggression: 2.0, minimumPercent: 20.0}}",
    "{simple: LEAST_REQUEST, warmupDurationSecs: 10s}",
    "{consistentHash: {httpHeaderName: x, ringHash: {minimumRingSize: 10}}}",
    "{consistentHash: {useSourceIp: true, maglev: {tableSize: 101}}}",
    "{consistentHash: {httpCookie: {name: c, ttl: 0s}}}",
    "{backendUtilization: {weightUpdatePeriod: 1s, weightExpirationPeriod: 100s, weightStabilizationPeriod: 9s, errorUtilizationPenaltyPercent: 50}}",
    "{localityLbSetting: {enabled: true, distribute: [{from: 'a/*', to: {'a/*': 80, 'b/*': 20}}]}}",
    "{localityLbSetting: {enabled: true, failover: [{from: a, to: b}]}}",
    "{simple: PASSTHROUGH}",
    "{simple: RANDOM}",
]


def test_envoy_takes_every_cluster() -> None:
    found = []
    for at, balancer in enumerate(BALANCERS):
        rule = destination_rule(EVERYTHING.replace("LB", balancer))
        cluster = town(REVIEWS, rules=[rule], inhabitants={REVIEWS: [V1]}).cluster(NAME)
        cluster.name = f"{cluster.name}.{at}"
        found.append(cluster)
    a = service("a.example.com", (80, Protocol.HTTP), (443, Protocol.TLS), external=True, resolution=Resolution.DNS)
    b = service("b.example.com", (80, Protocol.HTTP), external=True, resolution=Resolution.DNS_ROUND_ROBIN)
    names = town(
        service("echo", (7070, Protocol.AUTO), (7071, Protocol.GRPC), (7072, Protocol.TCP)),
        a,
        b,
        service("*.example.com", (80, Protocol.HTTP), (443, Protocol.TLS), external=True, resolution=Resolution.DYNAMIC_DNS),
        service("*.example.org", (80, Protocol.HTTP), external=True, resolution=Resolution.DYNAMIC_DNS),
        service("*.example.net", (80, Protocol.HTTP), external=True, resolution=Resolution.PASSTHROUGH),
        rules=[
            destination_rule("{host: '*.example.org', trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}}"),
            destination_rule("{host: '*.example.com', trafficPolicy: {tls: {mode: SIMPLE, subjectAltNames: [a.example.com]}}}"),
        ],
        inhabitants={s: [Endpoint(address=s.host, port=80), Endpoint(address="c.example.com", port=80)] for s in (a, b)},
        outbound_mark=1337,
        ipv6=True,
    )
    found.extend(names.clusters.values())
    assert rejected(found) == ""


def test_envoy_refuses_a_planted_bad_cluster() -> None:
    bad = Cluster(name="bad", type=Cluster.EDS)
    assert "bad" in rejected([bad]) or "EDS" in rejected([bad])
