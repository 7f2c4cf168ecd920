"""What the supervisor tells the control plane: objects as files in a folder that it watches. A file is written only when its content is new."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ostria.api.encode import to_json
from ostria.api.kinds import key_of
from ostria.api.meta import Resource


class Published:
    """Atomic by rename: a reader sees a whole object or none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._content: dict[str, bytes] = {}

    def show(self, objects: Iterable[Resource]) -> None:
        """Exactly these objects stand in the folder afterwards."""
        wanted: Mapping[str, bytes] = {_name(found): to_json(found) for found in objects}
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, content in wanted.items():
            if self._content.get(name) != content:
                path = self._folder / name
                fresh = path.with_name(f".{name}")
                fresh.write_bytes(content)
                fresh.rename(path)
        for name in self._content.keys() - wanted.keys():
            (self._folder / name).unlink(missing_ok=True)
        self._content = dict(wanted)

    @property
    def folder(self) -> str:
        return os.fspath(self._folder)


def _name(resource: Resource) -> str:
    key = key_of(resource)
    return f"{key.kind}.{key.namespace}.{key.name.replace(':', '-')}.json".lower()
