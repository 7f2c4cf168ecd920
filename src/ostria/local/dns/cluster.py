"""The cluster's names, as Kubernetes' DNS specification has them: a pure answer to each question about `cluster.local`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, SOA, SRV, A, DNSRecord

from ostria.api.kubernetes.endpoint_slice import EndpointSlice
from ostria.api.kubernetes.service import Service

DOMAIN = "cluster.local"
_TTL = 5


@dataclass(frozen=True, slots=True)
class Names:
    """Lower-case names without the final dot."""

    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """`_http._tcp.NAME` → (port, host that serves it)."""


def names(services: Iterable[tuple[Service, tuple[str, ...]]], slices: Iterable[EndpointSlice]) -> Names:
    """`services` come with their virtual addresses, none where they are headless."""
    found: dict[str, tuple[str, ...]] = {}
    aliases: dict[str, str] = {}
    ports: dict[str, tuple[tuple[int, str], ...]] = {}
    by_service: dict[tuple[str, str], list[EndpointSlice]] = {}
    for part in slices:
        by_service.setdefault((part.metadata.namespace, part.metadata.labels.get("kubernetes.io/service-name", "")), []).append(part)
    for service, virtual in services:
        meta = service.metadata
        name = f"{meta.name}.{meta.namespace}.svc.{DOMAIN}"
        if service.spec.type == "ExternalName":
            aliases[name] = service.spec.external_name.rstrip(".").lower()
            continue
        if virtual:
            found[name] = virtual
            hosts: tuple[str, ...] = (name,)
        else:
            members = _members(name, by_service.get((meta.namespace, meta.name), ()))
            found[name] = tuple(dict.fromkeys(address for _, address in members))
            for host, address in members:
                found[host] = (*found.get(host, ()), address)
            hosts = tuple(dict.fromkeys(host for host, _ in members))
        for port in service.spec.ports:
            if port.name:
                ports[f"_{port.name}._{port.protocol.lower()}.{name}"] = tuple((port.port, host) for host in hosts)
    return Names(found, aliases, ports)


def _members(name: str, slices: Iterable[EndpointSlice]) -> list[tuple[str, str]]:
    """(host name, address) of each ready endpoint behind a headless service."""
    found = []
    for part in slices:
        for endpoint in part.endpoints:
            if endpoint.conditions.ready is not False:
                for address in endpoint.addresses:
                    label = endpoint.hostname or address.replace(".", "-").replace(":", "-")
                    found.append((f"{label}.{name}", address))
    return found


def answer(query: DNSRecord, known: Names) -> DNSRecord | None:
    """The reply to a query about the cluster; None when the name is not the cluster's. An alias to elsewhere comes without addresses."""
    name = str(query.q.qname).rstrip(".").lower()
    if name != DOMAIN and not name.endswith(f".{DOMAIN}"):
        return None
    reply = query.reply(ra=1, aa=1)
    records = list(_records(name, known, query.q.qtype))
    if records:
        reply.add_answer(*records)
        return reply
    if not _exists(name, known):
        reply.header.rcode = RCODE.NXDOMAIN
    reply.add_auth(RR(DOMAIN, QTYPE.SOA, rdata=SOA(f"ns.dns.{DOMAIN}", f"hostmaster.{DOMAIN}", (1, 7200, 1800, 86400, _TTL)), ttl=_TTL))
    return reply


def _records(name: str, known: Names, kind: int) -> Iterable[RR]:
    if name in known.aliases:
        yield RR(name, QTYPE.CNAME, rdata=CNAME(known.aliases[name]), ttl=_TTL)
        return
    for address in (*known.addresses.get(name, ()), *_pod(name)):
        if ip_address(address).version == 4 and kind in (QTYPE.A, QTYPE.ANY):
            yield RR(name, QTYPE.A, rdata=A(address), ttl=_TTL)
        elif ip_address(address).version == 6 and kind in (QTYPE.AAAA, QTYPE.ANY):
            yield RR(name, QTYPE.AAAA, rdata=AAAA(address), ttl=_TTL)
    if kind in (QTYPE.SRV, QTYPE.ANY):
        for port, host in known.ports.get(name, ()):
            yield RR(name, QTYPE.SRV, rdata=SRV(0, 100, port, host), ttl=_TTL)


def _pod(name: str) -> tuple[str, ...]:
    """`10-244-3-7.NAMESPACE.pod.cluster.local` says its own address."""
    labels = name.split(".")
    if len(labels) != 5 or labels[2] != "pod":
        return ()
    for separator in (".", ":"):
        try:
            return (str(ip_address(labels[0].replace("-", separator))),)
        except ValueError:
            continue
    return ()


def _exists(name: str, known: Names) -> bool:
    return name in known.addresses or name in known.aliases or name in known.ports or bool(_pod(name))
