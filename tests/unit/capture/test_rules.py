"""Golden rules per situation, and the questions that the order of rules answers, asked as packets."""

import os
from pathlib import Path

import pytest

from ostria.capture.config import CaptureConfig, Destination, InterceptionMode
from ostria.capture.rules import rules

GOLDEN = Path(__file__).parents[2] / "golden" / "capture"

SITUATIONS = {
    "default": CaptureConfig(),
    "ipv4-only": CaptureConfig(ipv6=False),
    "rootless": CaptureConfig(
        envoy_uid=None,
        envoy_gid=None,
        envoy_mark=1337,
        exclude_destinations=(Destination("10.44.0.2", 15012), Destination("fd44::2", 15012)),
    ),
    "rootless-dns": CaptureConfig(envoy_uid=None, envoy_gid=None, envoy_mark=1337, dns_servers=("10.44.0.1",)),
    "ports": CaptureConfig(
        include_inbound_ports=(8080, 9090), exclude_inbound_ports=(22,), include_outbound_ports=(3306,), exclude_outbound_ports=(25, 5432)
    ),
    "exclude-inbound": CaptureConfig(exclude_inbound_ports=(22, 15020)),
    "no-inbound": CaptureConfig(include_inbound_ports=()),
    "ranges": CaptureConfig(
        include_outbound_ranges=("10.96.0.0/16", "fd00:96::/112"), exclude_outbound_ranges=("10.96.7.0/24", "fd00:96::7/128")
    ),
    "loopback-range": CaptureConfig(include_outbound_ranges=("127.0.0.0/8",)),
    "interfaces": CaptureConfig(exclude_interfaces=("eth1", "net1"), drop_invalid=True),
    "dns": CaptureConfig(dns_servers=("10.96.0.10", "fd00:96::a")),
    "tproxy": CaptureConfig(mode=InterceptionMode.TPROXY, exclude_inbound_ports=(22,), exclude_interfaces=("net1",)),
    "tproxy-ports": CaptureConfig(mode=InterceptionMode.TPROXY, include_inbound_ports=(8080,)),
}


def _text(config: CaptureConfig) -> str:
    families = rules(config).families
    return "".join(f"# IPv{f.version}\n{f.restore()}" + "".join(f"ip {' '.join(route)}\n" for route in f.routes) for f in families)


@pytest.mark.parametrize("name", SITUATIONS)
def test_rules_of_each_situation_stay_as_they_were_reviewed(name: str) -> None:
    golden = GOLDEN / f"{name}.rules"
    text = _text(SITUATIONS[name])
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_no_interception_means_no_rules() -> None:
    assert rules(CaptureConfig(mode=InterceptionMode.NONE)).families == ()


def test_a_proxy_that_nothing_tells_from_its_app_is_refused() -> None:
    with pytest.raises(ValueError, match="envoy_mark"):
        CaptureConfig(envoy_uid=None, envoy_gid=None)


def test_tproxy_needs_a_uid() -> None:
    with pytest.raises(ValueError, match="TPROXY"):
        CaptureConfig(mode=InterceptionMode.TPROXY, envoy_uid=None, envoy_gid=None, envoy_mark=1337)


def test_ipv4_ranges_never_reach_ipv6_rules() -> None:
    v4, v6 = rules(CaptureConfig(include_outbound_ranges=("10.0.0.0/8",), exclude_outbound_ranges=("10.1.0.0/16",))).families
    assert "10.1.0.0/16" in v4.restore()
    assert "10." not in v6.restore()
