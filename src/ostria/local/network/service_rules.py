"""The mesh's own rules, for packets that no sidecar has answered: Services' virtual addresses become pods', and what leaves the mesh goes to the edge.

They stand in the mesh's network namespace, which every packet between pods passes; a workload without a sidecar reaches Services by them, and UDP does anyway.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ostria.local.network.links import POD_NETWORKS, SERVICE_NETWORKS

EDGE_PORT = 15001
_SERVICES, _EDGE, _HAIRPIN = "OSTRIA_SERVICES", "OSTRIA_EDGE", "OSTRIA_HAIRPIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualPort:
    """One port of one Service's address, and where it leads: (address, port) of each ready endpoint."""

    service: str
    address: str
    port: int
    protocol: str
    endpoints: tuple[tuple[str, int], ...]


def setup(version: int) -> str:
    """The fixed part: chains, and the way to the edge. Input of `iptables-restore`."""
    pods, services = POD_NETWORKS[version != 4], SERVICE_NETWORKS[version != 4]
    lines = ["*nat", *(f":{chain} - [0:0]" for chain in (_SERVICES, _EDGE, _HAIRPIN))]
    lines += [
        f"-A PREROUTING -j {_SERVICES}",
        f"-A OUTPUT -j {_SERVICES}",
        f"-A PREROUTING -i mesh0 -p tcp -j {_EDGE}",
        f"-A POSTROUTING -j {_HAIRPIN}",
    ]
    lines += [
        f"-A {_EDGE} -d {pods} -j RETURN",
        f"-A {_EDGE} -d {services} -j RETURN",
        f"-A {_EDGE} -m addrtype --dst-type LOCAL -j RETURN",
    ]
    lines += [f"-A {_EDGE} -p tcp -j REDIRECT --to-ports {EDGE_PORT}"]
    return "\n".join([*lines, "COMMIT", ""])


def services(version: int, ports: Sequence[VirtualPort]) -> str:
    """The part that follows the endpoints: input of `iptables-restore --noflush`, which replaces these two chains at once."""
    mine = [port for port in ports if (":" in port.address) == (version == 6)]
    lines = ["*nat", f":{_SERVICES} - [0:0]", f":{_HAIRPIN} - [0:0]"]
    for port in mine:
        lines += _port(port, version)
    for address in sorted({address for port in mine for address, _ in port.endpoints}):
        lines.append(f"-A {_HAIRPIN} -s {address} -d {address} -j MASQUERADE")
    lines += ["COMMIT", "*filter", ":OSTRIA_NOBODY - [0:0]", *_nobody(mine, version), "COMMIT", ""]
    return "\n".join(lines)


def _port(port: VirtualPort, version: int) -> Iterable[str]:
    """Each endpoint with the same probability: the first of n by 1/n, the next of the rest by 1/(n-1), …"""
    match = f"-A {_SERVICES} -d {port.address} -p {port.protocol.lower()} --dport {port.port}"
    for index, (address, number) in enumerate(port.endpoints):
        left = len(port.endpoints) - index
        chance = f" -m statistic --mode random --probability {1 / left:.10f}" if left > 1 else ""
        target = f"{address}:{number}" if version == 4 else f"[{address}]:{number}"
        yield f"{match}{chance} -j DNAT --to-destination {target}"


def _nobody(ports: Iterable[VirtualPort], version: int) -> Iterable[str]:
    """A port without endpoints refuses at once instead of letting its callers wait."""
    reset = {"tcp": "tcp-reset", "udp": "icmp-port-unreachable" if version == 4 else "icmp6-port-unreachable"}
    for port in ports:
        protocol = port.protocol.lower()
        if not port.endpoints and protocol in reset:
            yield f"-A OSTRIA_NOBODY -d {port.address} -p {protocol} --dport {port.port} -j REJECT --reject-with {reset[protocol]}"


def filter_setup() -> str:
    return "*filter\n:OSTRIA_NOBODY - [0:0]\n-A FORWARD -j OSTRIA_NOBODY\n-A OUTPUT -j OSTRIA_NOBODY\nCOMMIT\n"
