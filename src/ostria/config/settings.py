"""`ostria.yaml`: how this machine runs the mesh. Unknown keys are errors."""

from typing import Any

from msgspec import field

from ostria.api import decode, documents
from ostria.api.meta import Message
from ostria.api.problem import Issue, Problem, Severity, located
from ostria.api.reader import Marks, nearest
from ostria.config.mesh import camel_case, mesh_config
from ostria.config.validate.names import port_issues, under


class Image(Message):
    """The local command that stands for the images that a pattern (GLOB) matches."""

    command: tuple[str, ...] | str
    env: dict[str, str] = {}
    workdir: str | None = None


class GatewaySettings(Message):
    ports: tuple[int, ...] = ()


class Settings(Message):
    images: dict[str, Image] = {}
    mesh_config: dict[str, Any] = field(default_factory=dict, name="meshConfig")
    gateway: GatewaySettings = field(default_factory=GatewaySettings)


def read_settings(path: str, text: str) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings in a file; None if there is an error among the problems."""
    marks: dict[int, Marks] = {}
    found = documents.read(text, marks=marks)
    faults = tuple(fault for document in found for fault in document.faults)
    if faults:
        return None, tuple(located(fault.issue, path, fault.position) for fault in faults)
    data = found[0].data if found else None
    settings, issues = decode.message({} if data is None else data, Settings)
    if settings is not None:
        issues = [*issues, *_meaning(settings)]
    problems = tuple(located(issue, path, nearest(marks.get(0, {}), issue.path)) for issue in issues)
    return (None if any(p.severity is Severity.ERROR for p in problems) else settings), problems


def _meaning(settings: Settings) -> list[Issue]:
    _, mesh = mesh_config(camel_case(settings.mesh_config))
    ports = [issue for i, port in enumerate(settings.gateway.ports) for issue in port_issues(port, ("gateway", "ports", i))]
    empty = [Issue(("images", glob, "command"), "the command is empty") for glob, image in settings.images.items() if not image.command]
    return [*under(("meshConfig",), mesh), *ports, *empty]
