"""Host names: what a short name means, and which of several patterns is the most specific.

A pattern is a host or `*` or `*.suffix`. Istio compares patterns by length: the longest one that matches is the most specific.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import TypeVar

from ostria.registry.model import Host, Namespace

T = TypeVar("T")


def qualified(host: str, namespace: str, domain: str) -> Host:
    """`reviews` in an object of namespace `default` means `reviews.default.svc.cluster.local`; a name with a dot stands for itself."""
    lower = host.lower()
    if not lower or "." in lower or lower.startswith("*") or ":" in lower:
        return Host(lower)
    return Host(f"{lower}.{namespace}.svc.{domain}")


def service_host(name: str, namespace: str, domain: str) -> Host:
    return Host(f"{name}.{namespace}.svc.{domain}".lower())


def is_address(text: str) -> bool:
    """Whether it is an IP address; names and `unix://…` are none."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_wildcard(host: str) -> bool:
    return host.startswith("*")


def matches(pattern: str, host: str) -> bool:
    """Whether the two overlap: equal, or one is a wildcard that covers the other."""
    return covers(pattern, host) or covers(host, pattern)


def covers(pattern: str, host: str) -> bool:
    """Whether every name of `host` is a name of `pattern`."""
    if pattern.startswith("*"):
        suffix = pattern[1:]
        return len(host) >= len(pattern) and host.endswith(suffix) if suffix else True
    return pattern == host


def wildcards_above(host: str) -> Iterator[str]:
    """The wildcard patterns that cover `host`, most specific first: `*.b.c`, `*.c`, `*`."""
    rest = host.removeprefix("*.") if host.startswith("*") else host
    if host.startswith("*") and host != "*":
        yield host
    while "." in rest:
        rest = rest.partition(".")[2]
        if f"*.{rest}" != host:
            yield f"*.{rest}"
    yield "*"


def most_specific(host: str, table: Mapping[Host, T]) -> T | None:
    """The entry of the most specific pattern in `table` that covers `host`."""
    if (found := table.get(Host(host))) is not None:
        return found
    return next((table[pattern] for p in wildcards_above(host) if (pattern := Host(p)) in table), None)


def namespace_of(host: str, domain: str) -> Namespace | None:
    """The namespace in a Kubernetes service's host, if it is one."""
    parts = host.removesuffix(f".svc.{domain}").split(".") if host.endswith(f".svc.{domain}") else []
    return Namespace(parts[1]) if len(parts) == 2 else None
