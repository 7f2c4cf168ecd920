"""The iptables rules that make a sidecar transparent, as data.

Chains, order and matches are Istio's, because people read them with `iptables-save` and tools compare them:
`ISTIO_INBOUND`, `ISTIO_IN_REDIRECT`, `ISTIO_OUTPUT`, `ISTIO_REDIRECT`, for DNS `ISTIO_OUTPUT_DNS`, for TPROXY `ISTIO_DIVERT` and `ISTIO_TPROXY`.
Order decides: a packet takes the first rule that matches it, so every `_xyz` below is one paragraph of the order in `_outbound`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple

from ostria.capture.config import (
    DNS_PORT,
    INBOUND_PORT,
    INBOUND_SOURCES,
    NEVER_INBOUND,
    OUTBOUND_PORT,
    TUNNEL_PORT,
    CaptureConfig,
    InterceptionMode,
)

TPROXY_MARK = 1337
"""Set on diverted packets, on connections of Envoy's original_src sockets, and matched by the policy route."""
LOOPBACK_MARK = 1338
"""Envoy's own packets to the workload's address over loopback: app → virtual IP → itself."""
TPROXY_TABLE = 133

BUILTIN = ("PREROUTING", "OUTPUT")


class Rule(NamedTuple):
    table: str
    chain: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRules:
    """Rules of one address family in the order in which they are appended; `routes` are arguments of `ip`."""

    version: int
    rules: tuple[Rule, ...]
    routes: tuple[tuple[str, ...], ...] = ()

    def tables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rule.table for rule in self.rules))

    def chains(self, table: str) -> tuple[str, ...]:
        """Chains of our own, targets included, so that every jump lands."""
        mine = [rule for rule in self.rules if rule.table == table]
        named = [name for rule in mine for name in (rule.chain, rule.args[rule.args.index("-j") + 1]) if name.startswith("ISTIO_")]
        return tuple(dict.fromkeys(named))

    def restore(self) -> str:
        """Input for `iptables-restore --noflush`: each table is one transaction."""
        return "".join(self._table(table) for table in self.tables())

    def _table(self, table: str) -> str:
        lines = [f"*{table}", *(f":{chain} - [0:0]" for chain in self.chains(table))]
        lines += [f"-A {rule.chain} {' '.join(rule.args)}" for rule in self.rules if rule.table == table]
        return "\n".join([*lines, "COMMIT", ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    families: tuple[FamilyRules, ...]


def rules(config: CaptureConfig) -> Ruleset:
    """No family at all where interception is NONE."""
    if config.mode is InterceptionMode.NONE:
        return Ruleset(families=())
    versions = (4, 6) if config.ipv6 else (4,)
    return Ruleset(families=tuple(_family(config, version) for version in versions))


class _Family(NamedTuple):
    """The constants in which IPv4 and IPv6 differ."""

    version: int
    loopback: str
    inbound_source: str
    """Where Envoy connects to the app from."""


_FAMILIES = {4: _Family(4, "127.0.0.1/32", f"{INBOUND_SOURCES[4]}/32"), 6: _Family(6, "::1/128", f"{INBOUND_SOURCES[6]}/128")}


def _family(config: CaptureConfig, version: int) -> FamilyRules:
    family = _FAMILIES[version]
    found = (
        *_invalid(config),
        *_interfaces(config),
        *_targets(),
        *_inbound(config, family),
        *_outbound(config, family),
        *_dns_zones(config, family),
    )
    tproxy = config.mode is InterceptionMode.TPROXY
    return FamilyRules(version=version, rules=tuple(found), routes=_policy_routes(family) if tproxy else ())


def _nat(chain: str, *args: object) -> Rule:
    return Rule("nat", chain, tuple(map(str, args)))


def _mangle(chain: str, *args: object) -> Rule:
    return Rule("mangle", chain, tuple(map(str, args)))


def _invalid(config: CaptureConfig) -> Iterator[Rule]:
    """Out-of-window packets escape translation and would reset the connection: drop them first."""
    if config.drop_invalid:
        yield _mangle("PREROUTING", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP")


def _interfaces(config: CaptureConfig) -> Iterator[Rule]:
    tables = ("nat", "mangle") if config.mode is InterceptionMode.TPROXY else ("nat",)
    for table in tables:
        for interface in config.exclude_interfaces:
            yield Rule(table, "PREROUTING", ("-i", interface, "-j", "RETURN"))
            yield Rule(table, "OUTPUT", ("-o", interface, "-j", "RETURN"))


def _targets() -> Iterator[Rule]:
    yield _nat("ISTIO_INBOUND", "-p", "tcp", "--dport", TUNNEL_PORT, "-j", "RETURN")
    yield _nat("ISTIO_REDIRECT", "-p", "tcp", "-j", "REDIRECT", "--to-ports", OUTBOUND_PORT)
    yield _nat("ISTIO_IN_REDIRECT", "-p", "tcp", "-j", "REDIRECT", "--to-ports", INBOUND_PORT)


def _inbound(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    if config.include_inbound_ports == ():
        return
    if config.mode is InterceptionMode.TPROXY:
        yield from _inbound_tproxy(config, family)
        return
    yield _nat("PREROUTING", "-p", "tcp", "-j", "ISTIO_INBOUND")
    if config.include_inbound_ports is None:
        for port in _closed_ports(config):
            yield _nat("ISTIO_INBOUND", "-p", "tcp", "--dport", port, "-j", "RETURN")
        yield _nat("ISTIO_INBOUND", "-p", "tcp", "-j", "ISTIO_IN_REDIRECT")
    else:
        for port in config.include_inbound_ports:
            yield _nat("ISTIO_INBOUND", "-p", "tcp", "--dport", port, "-j", "ISTIO_IN_REDIRECT")


def _closed_ports(config: CaptureConfig) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*NEVER_INBOUND, *config.exclude_inbound_ports)))


def _inbound_tproxy(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    """Packets reach Envoy with both addresses untouched; a policy route keeps marked ones on this machine."""
    yield _mangle("ISTIO_DIVERT", "-j", "MARK", "--set-mark", TPROXY_MARK)
    yield _mangle("ISTIO_DIVERT", "-j", "ACCEPT")
    to_inbound = ("-j", "TPROXY", "--tproxy-mark", f"{TPROXY_MARK}/0xffffffff", "--on-port", INBOUND_PORT)
    yield _mangle("ISTIO_TPROXY", "!", "-d", family.loopback, "-p", "tcp", *to_inbound)
    yield _mangle("PREROUTING", "-p", "tcp", "-j", "ISTIO_INBOUND")
    yield from _tproxy_loops(family)
    yield from _tproxy_ports(config)
    yield from _tproxy_marks(config, family)


def _tproxy_loops(family: _Family) -> Iterator[Rule]:
    """What Envoy itself sends to the app, and the app to itself, comes back over loopback and is left alone."""
    yield _mangle("ISTIO_INBOUND", "-p", "tcp", "-m", "mark", "--mark", TPROXY_MARK, "-j", "RETURN")
    yield _mangle("ISTIO_INBOUND", "-p", "tcp", "-s", family.inbound_source, "-i", "lo", "-j", "RETURN")
    yield _mangle("ISTIO_INBOUND", "-p", "tcp", "-i", "lo", "-m", "mark", "!", "--mark", LOOPBACK_MARK, "-j", "RETURN")


def _tproxy_ports(config: CaptureConfig) -> Iterator[Rule]:
    established = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ISTIO_DIVERT")
    if config.include_inbound_ports is None:
        for port in (TUNNEL_PORT, *_closed_ports(config)):
            yield _mangle("ISTIO_INBOUND", "-p", "tcp", "--dport", port, "-j", "RETURN")
        yield _mangle("ISTIO_INBOUND", "-p", "tcp", *established)
        yield _mangle("ISTIO_INBOUND", "-p", "tcp", "-j", "ISTIO_TPROXY")
    else:
        for port in config.include_inbound_ports:
            yield _mangle("ISTIO_INBOUND", "-p", "tcp", "--dport", port, *established)
            yield _mangle("ISTIO_INBOUND", "-p", "tcp", "--dport", port, "-j", "ISTIO_TPROXY")


def _tproxy_marks(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    """A connection that Envoy opens with the caller's address answers to Envoy: its mark is kept on the connection and restored on replies."""
    yield _mangle("PREROUTING", "-p", "tcp", "-m", "mark", "--mark", TPROXY_MARK, "-j", "CONNMARK", "--save-mark")
    yield _mangle("OUTPUT", "-p", "tcp", "-o", "lo", "-m", "mark", "--mark", TPROXY_MARK, "-j", "RETURN")
    for owner in _owners(config):
        yield _mangle(
            "OUTPUT", "!", "-d", family.loopback, "-p", "tcp", "-o", "lo", *owner.match, "-j", "MARK", "--set-mark", LOOPBACK_MARK
        )
    yield _mangle("OUTPUT", "-p", "tcp", "-m", "connmark", "--mark", TPROXY_MARK, "-j", "CONNMARK", "--restore-mark")


class _Owner(NamedTuple):
    """How a packet of the proxy is told from one of the app."""

    match: tuple[str, ...]
    other: tuple[str, ...]
    answers_dns: bool
    """True for the first way of telling: only it needs to leave TCP port 53 to the agent's resolver."""


def _owners(config: CaptureConfig) -> tuple[_Owner, ...]:
    if config.envoy_mark is not None:
        mark = str(config.envoy_mark)
        return (_Owner(("-m", "mark", "--mark", mark), ("-m", "mark", "!", "--mark", mark), True),)
    named = (("--uid-owner", config.envoy_uid, True), ("--gid-owner", config.envoy_gid, False))
    return tuple(
        _Owner(("-m", "owner", option, str(number)), ("-m", "owner", "!", option, str(number)), first)
        for option, number, first in named
        if number is not None
    )


def _outbound(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    yield _nat("OUTPUT", "-j", "ISTIO_OUTPUT")
    for port in config.exclude_outbound_ports:
        yield _nat("ISTIO_OUTPUT", "-p", "tcp", "--dport", port, "-j", "RETURN")
    yield _nat("ISTIO_OUTPUT", "-o", "lo", "-s", family.inbound_source, "-j", "RETURN")
    for owner in _owners(config):
        yield from _own_traffic(config, family, owner)
    yield from _dns(config, family)
    yield _nat("ISTIO_OUTPUT", "-d", family.loopback, "-j", "RETURN")
    yield from _excluded(config, family)
    for port in config.include_outbound_ports:
        yield _nat("ISTIO_OUTPUT", "-p", "tcp", "--dport", port, "-j", "ISTIO_REDIRECT")
    yield from _included(config, family)


def _own_traffic(config: CaptureConfig, family: _Family, owner: _Owner) -> Iterator[Rule]:
    dns = bool(config.dns_servers)
    # App → virtual IP → itself: Envoy's outbound side dials the workload's own address; inbound policy must see it.
    spared = ("-m", "multiport", "!", "--dports", f"53,{TUNNEL_PORT}") if dns and owner.answers_dns else ("!", "--dport", str(TUNNEL_PORT))
    yield _nat("ISTIO_OUTPUT", "-o", "lo", "!", "-d", family.loopback, "-p", "tcp", *spared, *owner.match, "-j", "ISTIO_IN_REDIRECT")
    # App → its own address: never captured, unless a range that was asked for includes loopback. A resolver on loopback still is.
    if not _wants_loopback(config):
        port = ("-p", "tcp", "!", "--dport", "53") if dns else ()
        yield _nat("ISTIO_OUTPUT", "-o", "lo", *port, *owner.other, "-j", "RETURN")
    yield _nat("ISTIO_OUTPUT", *owner.match, "-j", "RETURN")


def _wants_loopback(config: CaptureConfig) -> bool:
    return any(ip_network(cidr, strict=False).is_loopback for cidr in config.include_outbound_ranges or ())


def _of_family(family: _Family, cidrs: Sequence[str]) -> tuple[str, ...]:
    networks = (ip_network(cidr, strict=False) for cidr in cidrs)
    return tuple(str(network) for network in networks if network.version == family.version)


def _excluded(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    for cidr in _of_family(family, config.exclude_outbound_ranges):
        yield _nat("ISTIO_OUTPUT", "-d", cidr, "-j", "RETURN")
    for address, port in config.exclude_destinations:
        for cidr in _of_family(family, (address,)):
            yield _nat("ISTIO_OUTPUT", "-d", cidr, *(() if port is None else ("-p", "tcp", "--dport", port)), "-j", "RETURN")


def _included(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    if config.include_outbound_ranges is None:
        yield _nat("ISTIO_OUTPUT", "-j", "ISTIO_REDIRECT")
    else:
        for cidr in _of_family(family, config.include_outbound_ranges):
            yield _nat("ISTIO_OUTPUT", "-d", cidr, "-j", "ISTIO_REDIRECT")


def _dns(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    if not config.dns_servers:
        return
    servers = _of_family(family, config.dns_servers)
    yield _nat("ISTIO_OUTPUT", "-j", "ISTIO_OUTPUT_DNS")
    for server in servers:
        yield _nat("ISTIO_OUTPUT_DNS", "-p", "tcp", "--dport", 53, "-d", server, "-j", "REDIRECT", "--to-ports", DNS_PORT)
    for owner in _owners(config):
        yield _nat("ISTIO_OUTPUT_DNS", "-p", "udp", "--dport", 53, *owner.match, "-j", "RETURN")
    for server in servers:
        yield _nat("ISTIO_OUTPUT_DNS", "-p", "udp", "--dport", 53, "-d", server, "-j", "REDIRECT", "--to-ports", DNS_PORT)


def _dns_zones(config: CaptureConfig, family: _Family) -> Iterator[Rule]:
    """App → agent and agent → resolver may be the same five-tuple: separate conntrack zones keep their translations apart."""
    servers = _of_family(family, config.dns_servers)
    if not servers:
        return
    yield Rule("raw", "OUTPUT", ("-j", "ISTIO_OUTPUT_DNS"))
    udp = ("-p", "udp")
    for owner in _owners(config):
        yield Rule("raw", "ISTIO_OUTPUT_DNS", (*udp, "--dport", "53", *owner.match, "-j", "CT", "--zone", "1"))
        yield Rule("raw", "ISTIO_OUTPUT_DNS", (*udp, "--sport", str(DNS_PORT), *owner.match, "-j", "CT", "--zone", "2"))
    yield Rule("raw", "PREROUTING", ("-j", "ISTIO_INBOUND"))
    for server in servers:
        yield Rule("raw", "ISTIO_OUTPUT_DNS", (*udp, "--dport", "53", "-d", server, "-j", "CT", "--zone", "2"))
        yield Rule("raw", "ISTIO_INBOUND", (*udp, "--sport", "53", "-s", server, "-j", "CT", "--zone", "1"))


def _policy_routes(family: _Family) -> tuple[tuple[str, ...], ...]:
    flag, everywhere, table = f"-{family.version}", "0.0.0.0/0" if family.version == 4 else "::/0", str(TPROXY_TABLE)
    return (
        (flag, "rule", "add", "fwmark", str(TPROXY_MARK), "lookup", table),
        (flag, "route", "add", "local", everywhere, "dev", "lo", "table", table),
    )
