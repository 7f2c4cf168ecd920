"""`ostria.yaml`: what a mesh on one machine needs to know beside Kubernetes' and Istio's objects. Unknown keys are errors."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, ValidationError, convert

from ostria.local.containers.images import ImageCommand

FILE = "ostria.yaml"
DEFAULTS: Mapping[str, Any] = {"accessLogFile": "/dev/stdout"}
"""MeshConfig of a mesh that says nothing else: as Istio's demo profile, so that `ostria logs -c proxy` answers."""


class BadSettings(ValueError):
    """The file can't be used; the text names it and the place."""


class _Image(Struct, forbid_unknown_fields=True):
    command: list[str]
    env: dict[str, str] = {}
    workdir: str = ""


class _Gateway(Struct, forbid_unknown_fields=True, frozen=True):
    ports: list[int] = []


class _File(Struct, forbid_unknown_fields=True, rename="camel"):
    images: dict[str, _Image] = {}
    mesh_config: dict[str, Any] = {}
    gateway: _Gateway = _Gateway()


class OwnSettings(Struct, frozen=True):
    images: Mapping[str, ImageCommand] = {}
    mesh_config: Mapping[str, Any] = {}
    gateway_ports: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()


def read(paths: Iterable[str]) -> OwnSettings:
    """From the folders that hold the manifests, and beside single files; a later one is laid over an earlier one."""
    images: dict[str, ImageCommand] = {}
    mesh: dict[str, Any] = dict(DEFAULTS)
    ports: list[int] = []
    found = _files(paths)
    for path in found:
        file = _parse(path)
        folder = str(path.parent)
        images |= {
            glob: ImageCommand(entrypoint=tuple(image.command), env=image.env, workdir=image.workdir or folder)
            for glob, image in file.images.items()
        }
        mesh |= file.mesh_config
        ports += file.gateway.ports
    return OwnSettings(images, mesh, tuple(ports), tuple(map(str, found)))


def _files(paths: Iterable[str]) -> list[Path]:
    folders = (path if path.is_dir() else path.parent for path in map(Path, paths))
    return list(dict.fromkeys(file for folder in folders if (file := folder / FILE).is_file()))


def _parse(path: Path) -> _File:
    try:
        data = yaml.safe_load(path.read_text())
        return convert(data or {}, _File)
    except yaml.YAMLError as error:
        raise BadSettings(f"{path}: {error}") from None
    except ValidationError as error:
        raise BadSettings(f"{path}: {error}; known keys: images (command, env, workdir), meshConfig, gateway (ports)") from None
    except OSError as error:
        raise BadSettings(f"{path}: {error.strerror}") from None
