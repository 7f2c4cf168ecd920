"""A snapshot as plain data, so that two of them can be compared by content and not by identity."""

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from msgspec import Struct, structs

from ostria.registry.model import EndpointSet
from ostria.snapshot.snapshots import Snapshot
from ostria.snapshot.view import Proxy


def plain(value: Any) -> Any:
    """Nested tuples and text, all the way down."""
    match value:
        case EndpointSet():
            # Not the workloads: a set keeps the ones that it was made with until its own content changes.
            return (value.host, value.version, plain(value.port), tuple(plain(replace(e, workload=None)) for e in value.endpoints))
        case Struct():
            return tuple((name, plain(getattr(value, name))) for name in (f.name for f in structs.fields(value)))
        case Enum():
            return value.name
        case dict():
            return tuple(sorted((str(k), plain(v)) for k, v in value.items()))
        case set() | frozenset():
            return tuple(sorted(map(str, value)))
        case tuple() | list():
            return tuple(map(plain, value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            return tuple((f.name, plain(getattr(value, f.name))) for f in fields(value))
        case _:
            return value


def picture(snapshot: Snapshot, claims: list[Proxy]) -> dict[str, Any]:
    """Everything that the proxies see."""
    seen: dict[str, Any] = {"dangling": sorted(map(str, snapshot.dangling()))}
    for claim in claims:
        proxy = snapshot.complete(claim)
        key = snapshot.view_key(proxy)
        view = snapshot.view(key)
        services = view.services()
        seen[claim.id] = {
            "proxy": plain(proxy),
            "key": plain(key),
            "shape": plain(view.shape),  # type: ignore[attr-defined]
            "rules": plain([view.destination_rule(s.host) for s in services]),
            "endpoints": plain([view.endpoints(s, p) for s in services for p in s.ports]),
            "names": plain(snapshot.name_table(view)),
            "inbound": plain(snapshot.inbound(proxy)),
        }
    return seen
