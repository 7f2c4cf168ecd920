"""Hosts behind a namespace: `NAMESPACE/HOST`, as Gateways and Sidecars write them."""

from collections.abc import Iterator

from ostria.api.problem import Issue, Path
from ostria.config.validate.names import is_ip, is_label, is_wildcard_host


def gateway_host_issues(text: str, path: Path) -> Iterator[Issue]:
    """`HOST`, or `NAMESPACE/HOST` with `.` for the Gateway's own namespace and `*` for any."""
    namespace, slash, host = text.rpartition("/")
    if slash and namespace not in ("*", ".") and not is_label(namespace):
        yield Issue(path, f"{namespace!r} is not a namespace", 'write NAMESPACE/HOST, "./HOST" or "*/HOST"')
    if not is_wildcard_host(host) and not is_ip(host):
        yield Issue(path, f"{host!r} is not a host", "write a host name, one that begins with *. , or * for all")


def egress_host_issues(text: str, path: Path) -> Iterator[Issue]:
    """`NAMESPACE/HOST`: the namespace may be `.`, `*` or `~` (none)."""
    namespace, slash, host = text.partition("/")
    if not slash or not namespace or not host:
        yield Issue(
            path, f"{text!r} is not a host with its namespace", 'write NAMESPACE/HOST; "./*" for this namespace, "*/*" for everything'
        )
        return
    if namespace not in ("*", ".", "~") and not is_label(namespace):
        yield Issue(path, f"{namespace!r} is not a namespace", 'write a namespace, ".", "*" or "~"')
    if not is_wildcard_host(host) and not is_ip(host):
        yield Issue(path, f"{host!r} is not a host", "write a full host name, one that begins with *. , or * for all")


def gateway_name_issues(name: str, path: Path) -> Iterator[Issue]:
    """`NAME`, `NAMESPACE/NAME` or `mesh`."""
    namespace, slash, short = name.rpartition("/")
    if (slash and not is_label(namespace)) or not (is_label(short) or (not slash and is_wildcard_host(short) and "*" not in short)):
        yield Issue(path, f"{name!r} is not a gateway", "write NAME, NAMESPACE/NAME or mesh")
