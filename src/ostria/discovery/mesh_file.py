"""The mesh's settings from a file, beside those that objects bring: read at start, and again when the file changes."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ostria.api import documents
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.problem import Problem
from ostria.config.mesh import MeshSettings
from ostria.config.store import Store
from ostria.identity.files import Reloaded

_LOOK_EVERY = 1.0


class MeshFile:
    """`path` holds MeshConfig, or `ostria.yaml` with it under `meshConfig`. None: only what objects bring. Lives in the world's thread."""

    def __init__(self, path: Path | None) -> None:
        """Raise ValueError or OSError when the file can't be used."""
        self._path = path
        self._reload = Reloaded((path,), lambda: read(path)) if path is not None else None
        self._base = self._reload() if self._reload is not None else {}
        self._settings = MeshSettings(self._base)
        if path is not None and self._settings.problems:
            raise ValueError("\n".join(f"{path}: {each.field}: {each.message}" for each in self._settings.problems))

    def of(self, store: Store) -> MeshConfig:
        return self._settings.read(store)

    @property
    def problems(self) -> tuple[Problem, ...]:
        found = self._settings.problems
        if self._reload is None or self._reload.problem is None:
            return found
        return (
            *found,
            Problem(path=str(self._path), line=1, column=1, message=self._reload.problem, hint="the settings before stay in force"),
        )

    async def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when there are new settings; for ever."""
        while self._reload is not None:
            await asyncio.sleep(_LOOK_EVERY)
            base = self._reload()
            if base is not self._base:
                self._base = base
                self._settings = MeshSettings(base)
                changed()


def read(path: Path) -> Mapping[str, Any]:
    found = documents.read(path.read_text())
    for document in found:
        for fault in document.faults:
            raise ValueError(f"{path}:{fault.position[0] + 1}: {fault.message}")
    data = found[0].data if found else {}
    if not isinstance(data, dict):
        raise ValueError(f"{path}: the settings must be a mapping")
    inner = data.get("meshConfig", data)
    return inner if isinstance(inner, dict) else {}
