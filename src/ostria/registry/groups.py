"""Several objects that describe one host: who wins, and what they add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address

from ostria.registry.model import Host, Port, Service


def precedence(service: Service) -> tuple[bool, str, str]:
    """Kubernetes services before entries, so that nobody takes over a name by writing it first; then the oldest."""
    return (service.owner.kind != "Service", service.created, service.namespace)


def merged(services: Iterable[Service]) -> Service | None:
    """One service of all that describe one host in one namespace.

    A Kubernetes Service stands alone (entries only add endpoints); entries with the resolution of the oldest one add their ports and addresses to it.
    """
    ordered = sorted(services, key=lambda s: (*precedence(s), s.owner))
    if not ordered:
        return None
    first = ordered[0]
    if first.owner.kind == "Service":
        return first
    others = [s for s in ordered[1:] if s.resolution is first.resolution]
    if not others:
        return first
    ports: dict[int, Port] = {}
    for port in (p for s in (first, *others) for p in s.ports):
        ports.setdefault(port.number, port)
    return replace(
        first,
        ports=tuple(ports.values()),
        addresses=tuple(dict.fromkeys(a for s in (first, *others) for a in s.addresses)),
        accounts=tuple(sorted({a for s in (first, *others) for a in s.accounts})),
    )


def end_of(alias: Host, targets: Mapping[Host, Host]) -> Host | None:
    """Where a chain of aliases ends; None if it goes round in a circle."""
    seen = {alias}
    host = targets[alias]
    while host in targets:
        if host in seen:
            return None
        seen.add(host)
        host = targets[host]
    return host


def address_order(address: str) -> tuple[int, int]:
    """IPv4 before IPv6, each in its own order; what is no address comes last."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return (7, 0)
    return (parsed.version, int(parsed))
