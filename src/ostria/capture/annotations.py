"""Pod annotations become a `CaptureConfig`; what can't be honoured becomes a problem that names the annotation and the fix.

Istio ignores none of these silently and neither do we: a typing error in a port list would otherwise open or close the wrong port.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import NamedTuple, TypeVar

from ostria.capture.config import CaptureConfig, InterceptionMode

T = TypeVar("T")

_TRAFFIC = "traffic.sidecar.istio.io/"
INCLUDE_INBOUND_PORTS = _TRAFFIC + "includeInboundPorts"
EXCLUDE_INBOUND_PORTS = _TRAFFIC + "excludeInboundPorts"
INCLUDE_OUTBOUND_PORTS = _TRAFFIC + "includeOutboundPorts"
EXCLUDE_OUTBOUND_PORTS = _TRAFFIC + "excludeOutboundPorts"
INCLUDE_OUTBOUND_RANGES = _TRAFFIC + "includeOutboundIPRanges"
EXCLUDE_OUTBOUND_RANGES = _TRAFFIC + "excludeOutboundIPRanges"
EXCLUDE_INTERFACES = _TRAFFIC + "excludeInterfaces"
INTERCEPTION_MODE = "sidecar.istio.io/interceptionMode"

REFUSED = {
    _TRAFFIC + "kubevirtInterfaces": "virtual machines behind the workload's interface are not captured; remove the annotation",
    "istio.io/reroute-virtual-interfaces": "virtual machines behind the workload's interface are not captured; remove the annotation",
}
_MAX_INTERFACE = 15


class Problem(NamedTuple):
    """Why one annotation can't be honoured; its text ends with what to write instead."""

    annotation: str
    text: str

    def __str__(self) -> str:
        return f"annotation {self.annotation}: {self.text}"


def config(annotations: Mapping[str, str], base: CaptureConfig) -> tuple[CaptureConfig, tuple[Problem, ...]]:
    """`base` with what the annotations ask for. With problems, the result leaves out the annotations that have one: callers decide to stop."""
    problems = [Problem(name, reason) for name, reason in REFUSED.items() if annotations.get(name)]

    def read(name: str, parse: Callable[[str], T], otherwise: T) -> T:
        text = annotations.get(name)
        if text is None:
            return otherwise
        try:
            return parse(text)
        except ValueError as error:
            problems.append(Problem(name, str(error)))
            return otherwise

    found = replace(
        base,
        include_inbound_ports=read(INCLUDE_INBOUND_PORTS, _all_or(ports), base.include_inbound_ports),
        exclude_inbound_ports=read(EXCLUDE_INBOUND_PORTS, ports, base.exclude_inbound_ports),
        include_outbound_ports=read(INCLUDE_OUTBOUND_PORTS, ports, base.include_outbound_ports),
        exclude_outbound_ports=read(EXCLUDE_OUTBOUND_PORTS, ports, base.exclude_outbound_ports),
        include_outbound_ranges=read(INCLUDE_OUTBOUND_RANGES, _all_or(ranges), base.include_outbound_ranges),
        exclude_outbound_ranges=read(EXCLUDE_OUTBOUND_RANGES, ranges, base.exclude_outbound_ranges),
        exclude_interfaces=read(EXCLUDE_INTERFACES, interfaces, base.exclude_interfaces),
    )
    try:
        found = replace(found, mode=read(INTERCEPTION_MODE, mode, base.mode))
    except ValueError as error:
        problems.append(Problem(INTERCEPTION_MODE, str(error)))
    return found, tuple(problems)


def mode(text: str) -> InterceptionMode:
    try:
        return InterceptionMode(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an interception mode: write REDIRECT, TPROXY or NONE") from None


def ports(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_port(item) for item in _items(text)))


def ranges(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_range(item) for item in _items(text)))


def interfaces(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_interface(item) for item in _items(text)))


def _all_or(parse: Callable[[str], tuple[T, ...]]) -> Callable[[str], tuple[T, ...] | None]:
    return lambda text: None if text.strip() == "*" else parse(text)


def _items(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip())]


def _port(item: str) -> int:
    if not (item.isascii() and item.isdecimal() and 1 <= int(item) <= 65535):
        raise ValueError(f"{item!r} is not a port: write numbers from 1 to 65535 with commas between them")
    return int(item)


def _range(item: str) -> str:
    try:
        return str(ip_network(item, strict=False))
    except ValueError:
        raise ValueError(f"{item!r} is not an IP range: write CIDRs such as 10.0.0.0/8 with commas between them") from None


def _interface(item: str) -> str:
    """The kernel's own rule for names; the text goes into `iptables-restore` input, so nothing else may pass."""
    if (
        len(item) > _MAX_INTERFACE
        or "/" in item
        or not item.isprintable()
        or any(c.isspace() for c in item)
        or item.startswith(("-", "!", '"'))
    ):
        raise ValueError(f"{item!r} is not the name of a network interface")
    return item
