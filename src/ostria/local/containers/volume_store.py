"""Volumes on the mesh's own memory file system; content is replaced at once, by a link that all files of a volume go through, as the kubelet does it."""

import os
import shutil
from pathlib import Path

from ostria.local.containers.volumes import Files

_DATA = "..data"


class VolumeStore:
    """One folder per pod; nothing here ever touches a disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._writes = 0

    def folder(self, pod: str, volume: str) -> Path:
        return self._root / pod / volume

    def empty(self, pod: str, volume: str) -> Path:
        folder = self.folder(pod, volume)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        return folder

    def fill(self, pod: str, volume: str, files: Files, owner: tuple[int, int] | None = None) -> Path:
        """Show exactly `files`; readers see the old content or the new, never a mixture."""
        folder = self.folder(pod, volume)
        folder.mkdir(parents=True, exist_ok=True)
        self._writes += 1
        version = folder / f"..{self._writes}"
        for name, file in files.items():
            path = version / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(file.mode)
            if owner is not None:
                os.chown(path, *owner)
        version.mkdir(exist_ok=True)
        self._switch(folder, version, {name.split("/")[0] for name in files})
        return folder

    def forget(self, pod: str) -> None:
        shutil.rmtree(self._root / pod, ignore_errors=True)

    def _switch(self, folder: Path, version: Path, entries: set[str]) -> None:
        data = folder / _DATA
        old = folder / os.readlink(data) if data.is_symlink() else None
        fresh = folder / "..new"
        fresh.symlink_to(version.name)
        fresh.rename(data)
        for link in folder.iterdir():
            if not link.name.startswith("..") and link.name not in entries:
                link.unlink()
        for name in entries:
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(f"{_DATA}/{name}")
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
