"""Finds `ostria.yaml` beside the manifests, and lays what several of them say over each other."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostria.config.settings import Image, Settings, read_settings
from ostria.local.containers.images import ImageCommand

FILE = "ostria.yaml"
DEFAULTS: Mapping[str, Any] = {"accessLogFile": "/dev/stdout"}
"""MeshConfig of a mesh that says nothing else: as Istio's demo profile, so that `ostria logs -c proxy` answers."""


class BadSettings(ValueError):
    """A file can't be used; the text has every problem with its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSettings:
    images: Mapping[str, ImageCommand]
    mesh_config: Mapping[str, Any]
    gateway_ports: tuple[int, ...]


def read(paths: Iterable[str]) -> OwnSettings:
    """From the folders that hold the manifests, and beside single files; a later one is laid over an earlier one. Raise BadSettings."""
    images: dict[str, ImageCommand] = {}
    mesh: dict[str, Any] = dict(DEFAULTS)
    ports: list[int] = []
    for path in _files(paths):
        settings = _settings(path)
        images |= {glob: _command(image, path.parent) for glob, image in settings.images.items()}
        mesh |= settings.mesh_config
        ports += settings.gateway.ports
    return OwnSettings(images=images, mesh_config=mesh, gateway_ports=tuple(ports))


def _files(paths: Iterable[str]) -> list[Path]:
    folders = (path if path.is_dir() else path.parent for path in map(Path, paths))
    return list(dict.fromkeys(file for folder in folders if (file := folder / FILE).is_file()))


def _settings(path: Path) -> Settings:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: {error.strerror if isinstance(error, OSError) else 'is not UTF-8'}") from None
    settings, problems = read_settings(str(path), text)
    if settings is None:
        raise BadSettings("\n".join(map(str, problems)))
    return settings


def _command(image: Image, folder: Path) -> ImageCommand:
    command = shlex.split(image.command) if isinstance(image.command, str) else image.command
    return ImageCommand(entrypoint=tuple(command), env=image.env, workdir=image.workdir or str(folder))
