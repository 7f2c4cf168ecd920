"""The bootstrap as tools read it, and how little it takes to make one."""

import subprocess
import sys

from ostria.agent.bootstrap import BootstrapConfig, bootstrap
from ostria.agent.stats import StatsSettings, stats_config

CONFIG = BootstrapConfig(
    node_id="sidecar~10.0.0.1~a-1.default~default.svc.cluster.local",
    cluster="a.default",
    metadata={"NAME": "a-1"},
    socket="/run/a/xds.sock",
)


def test_both_control_clusters_lead_to_the_agents_socket_over_http2() -> None:
    clusters = {cluster["name"]: cluster for cluster in bootstrap(CONFIG)["static_resources"]["clusters"]}
    assert set(clusters) == {"prometheus_stats", "agent", "sds-grpc", "xds-grpc"}
    for name in ("sds-grpc", "xds-grpc"):
        (endpoint,) = clusters[name]["load_assignment"]["endpoints"][0]["lb_endpoints"]
        assert endpoint["endpoint"]["address"] == {"pipe": {"path": "/run/a/xds.sock"}}
        assert "http2_protocol_options" in str(clusters[name]["typed_extension_protocol_options"])


def test_configuration_comes_by_delta_ads_and_envoy_waits_for_it() -> None:
    dynamic = bootstrap(CONFIG)["dynamic_resources"]
    assert dynamic["ads_config"]["api_type"] == "DELTA_GRPC"
    assert dynamic["lds_config"] == dynamic["cds_config"] == {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}


def test_static_listeners_answer_on_every_family_of_the_pod() -> None:
    both = bootstrap(BootstrapConfig(node_id="x", cluster="x", metadata={}, socket="/s", ipv6=True))
    for listener, port in zip(both["static_resources"]["listeners"], (15090, 15021), strict=True):
        assert listener["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": port}
        assert listener["additional_addresses"][0]["address"]["socket_address"] == {"address": "::", "port_value": port}
    only = bootstrap(BootstrapConfig(node_id="x", cluster="x", metadata={}, socket="/s", ipv4=False, ipv6=True))
    assert only["admin"]["address"]["socket_address"]["address"] == "::1"


def test_admin_listens_on_loopback_only() -> None:
    assert bootstrap(CONFIG)["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 15000}


def test_a_proxy_without_a_namespace_of_its_own_stays_on_loopback() -> None:
    local = bootstrap(BootstrapConfig(node_id="x", cluster="x", metadata={}, socket="/s", local_only=True))
    assert {listener["address"]["socket_address"]["address"] for listener in local["static_resources"]["listeners"]} == {"127.0.0.1"}


def test_a_mark_is_on_every_upstream_socket_and_only_where_asked() -> None:
    assert "cluster_manager" not in bootstrap(CONFIG)
    marked = bootstrap(BootstrapConfig(node_id="x", cluster="x", metadata={}, socket="/s", mark=1337))
    (option,) = marked["cluster_manager"]["upstream_bind_config"]["socket_options"]
    assert (option["level"], option["name"], option["int_value"]) == (1, 36, 1337)


def test_statistics_are_rejected_unless_listed() -> None:
    patterns = stats_config(StatsSettings(prefixes=("cluster.outbound",), suffixes=("upstream_rq_time",), regexes=(r"a\d",)))[
        "stats_matcher"
    ]["inclusion_list"]["patterns"]
    assert {"prefix": "cluster.outbound"} in patterns
    assert {"suffix": "upstream_rq_time"} in patterns
    assert {"safe_regex": {"regex": r"a\d"}} in patterns
    assert {"prefix": "server"} in patterns
    assert {"suffix": "downstream_cx_active"} in patterns


def test_supervisors_make_a_bootstrap_without_grpc() -> None:
    code = "import sys, ostria.agent.settings, ostria.agent.bootstrap, ostria.agent.envoy, ostria.agent.drain; assert 'grpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_agent_carries_no_library_of_the_interactive_verbs() -> None:
    code = "import sys, ostria.cli.agent, ostria.agent.run; print(*{'httpx', 'starlette', 'uvicorn', 'typer', 'rich', 'yaml', 'msgspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
