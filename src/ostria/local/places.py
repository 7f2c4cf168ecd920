"""Where a mesh keeps what it keeps: state that outlives it, and sockets that don't. A pure function of name, user and environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_SOCKET_PATH = 107
"""Bytes of a Unix socket's path, without the closing zero (unix(7))."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


class BadName(ValueError):
    """A mesh can't have this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """`state` is kept; `run` goes with the mesh. Both are private to the user (0700)."""

    state: Path
    run: Path

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
    def control(self) -> Path:
        return self.run / "control.sock"

    @property
    def lock(self) -> Path:
        return self.run / "lock"


def places(mesh: str, uid: int, environment: Mapping[str, str], temporary: Path = Path("/tmp")) -> Places:
    """Raise BadName for a name that can't be part of a path and of a host name."""
    if not _NAME.fullmatch(mesh):
        raise BadName(f"{mesh!r} can't be a mesh's name: use at most 40 of a-z, 0-9 and -, beginning and ending with a letter or digit")
    home = Path(environment.get("HOME", "/"))
    state = Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state") / "ostria" / mesh
    runtime = environment.get("XDG_RUNTIME_DIR")
    run = Path(runtime) / "ostria" / mesh if runtime else temporary / f"ostria-{uid}" / mesh
    if len(bytes(run)) > MAX_SOCKET_PATH - 60:
        run = temporary / f"ostria-{uid}" / mesh
    return Places(state=state, run=run)
