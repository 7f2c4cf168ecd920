"""Annotations as people write them: what they mean, and what is said of those that can't be honoured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostria.capture import annotations
from ostria.capture.config import CaptureConfig, InterceptionMode

PREFIX = "traffic.sidecar.istio.io/"
BASE = CaptureConfig()


def test_without_annotations_everything_is_captured() -> None:
    assert annotations.config({"prometheus.io/scrape": "true"}, BASE) == (BASE, ())


def test_every_annotation_has_its_field() -> None:
    found, problems = annotations.config(
        {
            PREFIX + "includeInboundPorts": "8080, 9090",
            PREFIX + "excludeInboundPorts": "22",
            PREFIX + "includeOutboundPorts": "3306",
            PREFIX + "excludeOutboundPorts": "25,5432,25",
            PREFIX + "includeOutboundIPRanges": "10.0.0.0/8,fd00::/8",
            PREFIX + "excludeOutboundIPRanges": "10.1.2.3",
            PREFIX + "excludeInterfaces": "eth1,net1",
            "sidecar.istio.io/interceptionMode": "TPROXY",
        },
        BASE,
    )
    assert problems == ()
    assert (found.include_inbound_ports, found.exclude_inbound_ports) == ((8080, 9090), (22,))
    assert (found.include_outbound_ports, found.exclude_outbound_ports) == ((3306,), (25, 5432))
    assert (found.include_outbound_ranges, found.exclude_outbound_ranges) == (("10.0.0.0/8", "fd00::/8"), ("10.1.2.3/32",))
    assert (found.exclude_interfaces, found.mode) == (("eth1", "net1"), InterceptionMode.TPROXY)


def test_a_star_means_all_and_an_empty_list_none() -> None:
    stars, _ = annotations.config({PREFIX + "includeInboundPorts": "*", PREFIX + "includeOutboundIPRanges": "*"}, BASE)
    assert (stars.include_inbound_ports, stars.include_outbound_ranges) == (None, None)
    empty, _ = annotations.config({PREFIX + "includeInboundPorts": "", PREFIX + "includeOutboundIPRanges": ""}, BASE)
    assert (empty.include_inbound_ports, empty.include_outbound_ranges) == ((), ())


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (PREFIX + "excludeInboundPorts", "22,ssh", "'ssh' is not a port"),
        (PREFIX + "excludeOutboundPorts", "70000", "'70000' is not a port"),
        (PREFIX + "excludeOutboundPorts", "*", "'*' is not a port"),
        (PREFIX + "includeOutboundIPRanges", "10.0.0.0/33", "is not an IP range"),
        (PREFIX + "excludeInterfaces", "eth0 -j ACCEPT", "is not the name of a network interface"),
        (PREFIX + "kubevirtInterfaces", "vnet0", "remove the annotation"),
        ("istio.io/reroute-virtual-interfaces", "vnet0", "remove the annotation"),
        ("sidecar.istio.io/interceptionMode", "REDIR", "write REDIRECT, TPROXY or NONE"),
    ],
)
def test_what_cannot_be_honoured_is_named(name: str, text: str, said: str) -> None:
    found, (problem,) = annotations.config({name: text}, BASE)
    assert found == BASE
    assert problem.annotation == name
    assert said in problem.text


def test_tproxy_where_only_a_mark_tells_the_proxy_is_a_problem_of_the_annotation() -> None:
    rootless = CaptureConfig(envoy_uid=None, envoy_gid=None, envoy_mark=1337)
    found, (problem,) = annotations.config({"sidecar.istio.io/interceptionMode": "TPROXY"}, rootless)
    assert found == rootless
    assert "UID" in problem.text


@given(st.text(max_size=30))
def test_no_text_gets_a_line_break_or_space_into_a_rule(text: str) -> None:
    found, _ = annotations.config({PREFIX + "excludeInterfaces": text, PREFIX + "excludeOutboundIPRanges": text}, BASE)
    assert all(not any(c.isspace() for c in item) for item in (*found.exclude_interfaces, *found.exclude_outbound_ranges))
