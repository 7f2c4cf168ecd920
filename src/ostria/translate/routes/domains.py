"""The names a client may call a service by, as `Host` headers, and who gets a name that two services claim.

Envoy rejects a whole route configuration when a domain occurs twice in it, so names are handed out once: first come, first served.
"""

from collections.abc import Iterable
from functools import lru_cache

KUBERNETES_SUFFIX = ".svc.cluster.local"
_IN_KUBERNETES = ".svc."


def bracketed(host: str) -> str:
    """IPv6 addresses stand in brackets in a Host header."""
    return f"[{host}]" if ":" in host else host


def with_port(host: str, port: int) -> str:
    return f"{bracketed(host)}:{port}"


@lru_cache(maxsize=65536)
def short_names(host: str, namespace: str) -> tuple[str, ...]:
    """What else a client in `namespace` may call a Kubernetes service: `reviews` (at home only), `reviews.default`, `reviews.default.svc`."""
    if not host.endswith(KUBERNETES_SUFFIX):
        return ()
    at = host.index(_IN_KUBERNETES)
    stem = host[:at]
    name, dot, home = stem.partition(".")
    if not dot:
        return ()
    if home == namespace and name != "*":
        return name, f"{stem}.svc", stem
    return stem, f"{stem}.svc"


def home_namespace(host: str) -> str:
    """The namespace whose clients know `host` by its first label; empty when there is none."""
    if not host.endswith(KUBERNETES_SUFFIX):
        return ""
    return host[: host.index(_IN_KUBERNETES)].partition(".")[2]


@lru_cache(maxsize=65536)
def service_domains(hosts: tuple[str, ...], addresses: tuple[str, ...], namespace: str, every_pod: bool, port: int) -> tuple[str, ...]:
    """All domains of a service with its aliases; each also with `port`, unless that is 0. Strings only: safe to remember.

    `every_pod`: names below the service's own resolve too, as those of a headless service's pods do.
    """
    names: list[str] = []
    for host in hosts:
        names += (host, *short_names(host, namespace))
    if every_pod:
        names += [f"*.{name}" for name in names if not name.startswith("*")]
    names += [bracketed(plain) for address in addresses if (plain := _single(address))]
    unique = tuple(dict.fromkeys(names))
    return tuple(d for name in unique for d in (name, f"{name}:{port}")) if port else unique


def _single(address: str) -> str:
    """The address without a prefix length; empty if it stands for a whole network, which no Host header names."""
    ip, slash, length = address.partition("/")
    if ip in ("0.0.0.0", "::", ""):
        return ""
    return ip if not slash or length == ("128" if ":" in ip else "32") else ""


class Taken:
    """The domains of one route configuration that have an owner. Hosts in `known` keep their full name against others' short names."""

    def __init__(self, known: Iterable[str], reserved: Iterable[str] = ()) -> None:
        self._known = frozenset(known)
        self._taken: set[str] = set(reserved)

    def claim(self, own: tuple[str, ...], domains: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `domains` that are still free. `own` are the full names among them: all others give way to a known full name."""
        lower = [d.lower() for d in domains]
        if self._taken.isdisjoint(lower) and self._known.isdisjoint(lower[1:]) and len(set(lower)) == len(lower):
            self._taken.update(lower)
            return domains
        return tuple(d for d in domains if self._claim_one(own, d))

    def _claim_one(self, own: tuple[str, ...], domain: str) -> bool:
        lower = domain.lower()
        if lower in self._taken or (lower in self._known and domain not in own):
            return False
        self._taken.add(lower)
        return True
