"""Envoy's `config_dump`, taken apart: messages by kind, static ones first, exactly as Envoy shows them."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_PLACES = {
    "ClustersConfigDump": (("static_clusters", "cluster"), ("dynamic_active_clusters", "cluster"), ("dynamic_warming_clusters", "cluster")),
    "RoutesConfigDump": (("static_route_configs", "route_config"), ("dynamic_route_configs", "route_config")),
    "SecretsConfigDump": (("static_secrets", "secret"), ("dynamic_active_secrets", "secret"), ("dynamic_warming_secrets", "secret")),
}


def section(dump: Json, kind: str) -> Json:
    """The part of a dump whose type ends in `kind`, {} when Envoy sent none."""
    return next((config for config in dump.get("configs", ()) if config.get("@type", "").endswith("." + kind)), {})


def messages(dump: Json, kind: str) -> Iterator[Json]:
    found = section(dump, kind)
    for place, field in _PLACES[kind]:
        for entry in found.get(place, ()):
            if field in entry:
                yield entry[field]


def listeners(dump: Json) -> Iterator[Json]:
    found = section(dump, "ListenersConfigDump")
    for entry in found.get("static_listeners", ()):
        yield entry["listener"]
    for entry in found.get("dynamic_listeners", ()):
        state = entry.get("active_state") or entry.get("warming_state")
        if state and "listener" in state:
            yield state["listener"]


def configured_by(message: Json) -> str:
    """`NAME.NAMESPACE` of the object in `filter_metadata.istio.config`, empty without one."""
    path = message.get("metadata", {}).get("filter_metadata", {}).get("istio", {}).get("config", "")
    match path.strip("/").split("/"):
        case ["apis", _, _, "namespaces", namespace, _, name]:
            return f"{name}.{namespace}"
        case _:
            return ""
