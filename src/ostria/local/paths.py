"""Where a mesh keeps things on the host: state that stays, and a runtime folder that goes with it."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INSIDE = Path("/run/ostria")
"""Where the mesh's own memory file system is mounted, in its own mount namespace only."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST_SOCKET = 107


class BadName(ValueError):
    """Not the name of a mesh; the text says what one looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshPaths:
    name: str
    state: Path
    runtime: Path

    @property
    def objects(self) -> Path:
        return self.state / "objects"

    @property
    def authority(self) -> Path:
        return self.state / "ca"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def addresses(self) -> Path:
        return self.state / "addresses.json"

    @property
    def control(self) -> Path:
        return self.runtime / "control.sock"

    @property
    def egress(self) -> Path:
        return self.runtime / "egress.sock"

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    def door(self, port: int) -> Path:
        return self.runtime / f"door-{port}.sock"


def mesh_paths(name: str, environment: Mapping[str, str], uid: int) -> MeshPaths:
    """Raise BadName. Nothing is made here."""
    if not _NAME.fullmatch(name):
        raise BadName(f"{name!r} can't name a mesh: use lower-case letters, digits and dashes, at most 63")
    home = environment.get("HOME") or "/"
    state = Path(environment.get("XDG_STATE_HOME") or f"{home}/.local/state") / "ostria" / name
    base = environment.get("XDG_RUNTIME_DIR")
    runtime = Path(base) / "ostria" / name if base and os.access(base, os.W_OK) else _temporary(name, uid)
    if len(str(runtime / "door-65535.sock").encode()) > _LONGEST_SOCKET:
        runtime = _temporary(name, uid)
    return MeshPaths(name=name, state=state.absolute(), runtime=runtime.absolute())


def _temporary(name: str, uid: int) -> Path:
    return Path(tempfile.gettempdir()) / f"ostria-{uid}" / name


def make(paths: MeshPaths) -> None:
    """Make the folders, private to their owner. Raise OSError, PermissionError where somebody else owns the place."""
    for folder in (paths.state, paths.objects, paths.authority, paths.logs, paths.runtime.parent, paths.runtime):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to another user")
    paths.state.chmod(0o700)
    paths.runtime.chmod(0o700)
