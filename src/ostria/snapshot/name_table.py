"""The names that an agent's DNS answers for a view: services, and the pods behind headless ones."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from ostria.registry.hosts import is_wildcard
from ostria.registry.model import Host, Service
from ostria.snapshot.view import View


class Name(NamedTuple):
    host: Host
    addresses: tuple[str, ...]
    registry: str
    """`Kubernetes` or `External`."""
    shortname: str
    """`reviews`, for a Kubernetes service, which answers to its short names as well."""
    namespace: str


def name_table(view: View) -> tuple[Name, ...]:
    """Each host once, in order of names."""
    found: dict[Host, Name] = {}
    for service in view.services():
        for name in _names(view, service):
            found.setdefault(name.host, name)
    return tuple(found[host] for host in sorted(found))


def _names(view: View, service: Service) -> Iterator[Name]:
    kubernetes = service.owner.kind == "Service"
    addresses = _addresses(view, service)
    if addresses:
        shortname = service.host.partition(".")[0] if kubernetes else ""
        yield Name(service.host, addresses, "Kubernetes" if kubernetes else "External", shortname, service.namespace if kubernetes else "")
        for alias in service.aliases:
            name, namespace, *_ = (*alias.split("."), "")
            yield Name(alias, addresses, "Kubernetes", name, namespace)
    if kubernetes and service.headless:
        yield from _pods(view, service)


def _addresses(view: View, service: Service) -> tuple[str, ...]:
    if service.headless:
        ports = service.ports[:1]
        found = (e.address for port in ports for e in view.endpoints(service, port).endpoints)
    elif service.addresses:
        found = (a for a in service.addresses if _is_address(a))
    elif is_wildcard(service.host):
        return ()
    else:
        found = (a for a in service.auto_addresses)
    return tuple(dict.fromkeys(a for a in found if (view.key.ipv6 if ":" in a else view.key.ipv4)))


def _pods(view: View, service: Service) -> Iterator[Name]:
    """`POD.SERVICE.NAMESPACE…` for pods with a hostname, such as a StatefulSet's."""
    found: dict[str, list[str]] = {}
    for endpoint in (e for port in service.ports[:1] for e in view.endpoints(service, port).endpoints):
        if endpoint.hostname:
            found.setdefault(endpoint.hostname, []).append(endpoint.address)
    short = service.host.partition(".")[0]
    for hostname, addresses in found.items():
        yield Name(Host(f"{hostname}.{service.host}"), tuple(addresses), "Kubernetes", f"{hostname}.{short}", service.namespace)


def _is_address(text: str) -> bool:
    """A range of addresses is no answer to a question for one."""
    try:
        return bool(ip_address(text))
    except ValueError:
        return False
