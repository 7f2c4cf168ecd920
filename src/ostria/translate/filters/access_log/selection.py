"""Which providers log the requests of one side of a proxy.

Telemetry objects are laid over each other, root first: the innermost list of provider names replaces the outer ones; entries without names speak of
the providers then in force; `disabled` takes a provider out, a filter narrows it. Without any name the mesh's defaults are meant: its default
providers, or else the access log file of the mesh configuration.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ostria.api.mesh.extension_provider import ExtensionProvider, FileAccessLog
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.telemetry.telemetry import AccessLogging
from ostria.snapshot.view import TelemetryPolicy
from ostria.translate.filters.side import Side

MESH_FILE = ""
"""Stands for `meshConfig.accessLogFile` among the providers' names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    provider: ExtensionProvider
    expression: str = ""
    """A CEL expression; only what it holds for is logged."""


def selected(mesh: MeshConfig, telemetry: TelemetryPolicy, side: Side) -> tuple[Selected, ...]:
    entries = [e for e in _entries(telemetry) if _matches(e, side)]
    names = next((_names(e) for e in reversed(entries) if e.providers), _defaults(mesh))
    in_force: dict[str, str] = {} if entries else dict.fromkeys(names, "")
    for entry in entries:
        for name in _names(entry) or names:
            if name not in names:
                continue
            if entry.disabled:
                in_force.pop(name, None)
            else:
                in_force[name] = (entry.filter.expression or "") if entry.filter else in_force.get(name, "")
    known = mesh.providers | {MESH_FILE: _mesh_file(mesh)}
    return tuple(Selected(provider=known[n], expression=e) for n, e in in_force.items() if n in known)


def _entries(telemetry: TelemetryPolicy) -> Iterator[AccessLogging]:
    for spec in telemetry.specs:
        yield from spec.access_logging


def _names(entry: AccessLogging) -> tuple[str, ...]:
    return tuple(p.name for p in entry.providers)


def _matches(entry: AccessLogging, side: Side) -> bool:
    mode = entry.match.mode if entry.match is not None else None
    return mode in (None, "CLIENT_AND_SERVER", "SERVER" if side.is_server else "CLIENT")


def _defaults(mesh: MeshConfig) -> tuple[str, ...]:
    return mesh.default_providers.access_logging or ((MESH_FILE,) if mesh.access_log_file else ())


def _mesh_file(mesh: MeshConfig) -> ExtensionProvider:
    return ExtensionProvider(name=MESH_FILE, envoy_file_access_log=FileAccessLog(path=mesh.access_log_file))
