"""Istio's environment and our flags, as injection and supervisors set them, and what becomes of them."""

import json
from pathlib import Path

import pytest

from ostria.agent import proxy_config
from ostria.agent.node import NodeError
from ostria.agent.settings import Address, Flags, Settings, bootstrap_config, envoy_command, settings

POD = {"POD_NAME": "reviews-v1-0", "POD_NAMESPACE": "shop", "INSTANCE_IP": "10.44.0.7", "SERVICE_ACCOUNT": "reviews"}


def read(*, flags: Flags | None = None, **environment: str) -> Settings:
    return settings(flags or Flags(socket_dir=Path("/run/a")), POD | environment)


def test_a_pod_is_named_as_istio_names_it() -> None:
    found = read(ISTIO_METAJSON_LABELS='{"app": "reviews", "version": "v1"}', ISTIO_META_WORKLOAD_NAME="reviews-v1")
    assert found.node.id == "sidecar~10.44.0.7~reviews-v1-0.shop~shop.svc.cluster.local"
    assert found.node.cluster == "reviews.shop"
    assert found.node.metadata["LABELS"] == {"app": "reviews", "version": "v1"}
    assert found.node.metadata["WORKLOAD_NAME"] == "reviews-v1"
    assert found.spiffe_id == "spiffe://cluster.local/ns/shop/sa/reviews"


def test_gateways_are_routers() -> None:
    assert read(flags=Flags(kind="router", socket_dir=Path("/run/a"))).node.id.startswith("router~10.44.0.7~")


def test_a_trust_domain_of_its_own_is_in_the_identity_only() -> None:
    found = read(TRUST_DOMAIN="td.example")
    assert found.spiffe_id.startswith("spiffe://td.example/")
    assert found.node.id.endswith("svc.cluster.local")


@pytest.mark.parametrize(
    ("said", "kind", "told"), [("", "sidecar", "true"), ("ISTIO_META_VHDS: 'false'", "sidecar", "false"), ("", "router", None)]
)
def test_a_sidecar_takes_virtual_hosts_one_by_one_unless_its_pod_or_the_mesh_says_otherwise(said: str, kind: str, told: str | None) -> None:
    found = read(flags=Flags(kind=kind, socket_dir=Path("/run/a")), PROXY_CONFIG=f"proxyMetadata: {{{said}}}")
    assert found.node.metadata.get("VHDS") == told


@pytest.mark.parametrize("said", ["ISTIO_META_ON_DEMAND: 'yes'", "ISTIO_META_ON_DEMAND: 'true', ISTIO_META_VHDS: 'false'"])
def test_discovery_on_demand_is_refused_where_it_could_not_work(said: str) -> None:
    assert read(PROXY_CONFIG="proxyMetadata: {ISTIO_META_ON_DEMAND: 'true'}").node.metadata["ON_DEMAND"] == "true"
    with pytest.raises(NodeError, match="ISTIO_META_ON_DEMAND"):
        read(PROXY_CONFIG=f"proxyMetadata: {{{said}}}")


def test_proxy_metadata_counts_as_environment_and_the_containers_own_wins() -> None:
    config = json.dumps({"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true", "ISTIO_META_NETWORK": "one"}})
    found = read(PROXY_CONFIG=config, ISTIO_META_NETWORK="two")
    assert found.dns_capture
    assert found.node.metadata["NETWORK"] == "two"


def test_locality_comes_from_the_label_first() -> None:
    assert read(ISTIO_META_LOCALITY="r/z/s").node.locality == ("r", "z", "s")
    assert read(ISTIO_META_LOCALITY="r/z/s", ISTIO_METAJSON_LABELS='{"istio-locality": "a.b"}').node.locality == ("a", "b", "")


def test_dual_stack_pods_listen_on_both() -> None:
    config = bootstrap_config(read(INSTANCE_IPS="10.44.0.7,fd44::7"))
    assert (config.ipv4, config.ipv6) == (True, True)
    only = bootstrap_config(read(INSTANCE_IP="fd44::7"))
    assert (only.ipv4, only.ipv6) == (False, True)


def test_proxy_config_reaches_envoys_command_line() -> None:
    found = read(PROXY_CONFIG='{"concurrency": 3, "drainDuration": "20s", "terminationDrainDuration": "7s", "proxyAdminPort": 15999}')
    command = envoy_command(found, "/envoy")
    assert (command.concurrency, command.drain_time, found.drain_maximum) == (3, 20.0, 7.0)
    assert bootstrap_config(found).admin_port == 15999


def test_the_flag_for_concurrency_wins() -> None:
    assert read(flags=Flags(socket_dir=Path("/run/a"), concurrency=1), PROXY_CONFIG='{"concurrency": 3}').concurrency == 1
    assert read().concurrency == 2


def test_annotations_widen_statistics() -> None:
    annotations = json.dumps(
        {"sidecar.istio.io/statsInclusionPrefixes": "cluster.outbound, http", "sidecar.istio.io/statsHistogramBuckets": '{"istio": [1, 5]}'}
    )
    stats = bootstrap_config(read(ISTIO_METAJSON_ANNOTATIONS=annotations)).stats
    assert stats.prefixes == ("cluster.outbound", "http")
    assert stats.buckets == (("istio", (1.0, 5.0)),)


def test_by_mark_envoy_asks_the_agents_forwarder_for_names() -> None:
    flags = Flags(socket_dir=Path("/run/a"), mark=1337)
    assert bootstrap_config(read(flags=flags, ISTIO_META_DNS_CAPTURE="true")).dns_resolver == ("127.0.0.1", 15054)
    assert bootstrap_config(read(ISTIO_META_DNS_CAPTURE="true")).dns_resolver is None


@pytest.mark.parametrize(
    ("target", "authority", "name"),
    [
        ("istiod.istio-system.svc:15012", "", "istiod.istio-system.svc"),
        ("10.44.0.2:15012", "", "istiod.istio-system.svc"),
        ("[fd44::2]:15012", "", "istiod.istio-system.svc"),
        ("10.44.0.2:15012", "cp.example", "cp.example"),
    ],
)
def test_the_control_plane_must_prove_a_name(target: str, authority: str, name: str) -> None:
    assert Address(target=target, root_file=None, authority=authority).verified_name() == name


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"POD_NAME": ""}, "POD_NAME"),
        ({"INSTANCE_IP": ""}, "INSTANCE_IP"),
        ({"ISTIO_METAJSON_LABELS": "{"}, "ISTIO_METAJSON_LABELS is not JSON"),
        ({"SECRET_TTL": "a day"}, "SECRET_TTL"),
        ({"PROXY_CONFIG": '{"concurrency": "many"}'}, "PROXY_CONFIG.concurrency"),
        ({"PROXY_CONFIG": '{"drainDuration": "5"}'}, "PROXY_CONFIG.drainDuration"),
        ({"PROXY_CONFIG": "[1]"}, "PROXY_CONFIG"),
        ({"ENVOY_STATUS_PORT": "http"}, "ENVOY_STATUS_PORT"),
        ({"ISTIO_KUBE_APP_PROBERS": '{"/x": {}}'}, "ISTIO_KUBE_APP_PROBERS"),
        ({"ISTIO_PROMETHEUS_ANNOTATIONS": '{"scrape": "true", "port": "15020"}'}, "belongs to the proxy"),
    ],
)
def test_what_cannot_be_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(**environment)


def test_a_socket_path_that_the_kernel_refuses_is_refused_first() -> None:
    with pytest.raises(ValueError, match=r"--socket-dir.*107 bytes"):
        read(flags=Flags(socket_dir=Path("/run/" + "a" * 110)))


def test_proxy_config_in_yaml_and_fields_without_effect_are_told() -> None:
    found = proxy_config.parse(
        "binaryPath: /bin/envoy\nholdApplicationUntilProxyStarts: true\nproxyMetadata:\n  ISTIO_META_DNS_CAPTURE: true\n"
    )
    assert found.unused == ("binaryPath",)
    assert found.environment == {"ISTIO_META_DNS_CAPTURE": "true"}
