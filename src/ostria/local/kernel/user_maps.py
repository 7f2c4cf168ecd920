"""Many users in a user namespace: the ranges that the machine grants to an ordinary user, written by its own set-uid programs."""

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

_NEEDED = 11000
"""Apps, proxies and the supervisor have numbers below this."""


class Ranges(NamedTuple):
    uid: tuple[int, int]
    """First number outside, and how many."""
    gid: tuple[int, int]


def ranges() -> Ranges | None:
    """None where the user has no range, or nothing that could map it."""
    if not (shutil.which("newuidmap") and shutil.which("newgidmap")):
        return None
    uid, gid = _range("/etc/subuid", os.getuid()), _range("/etc/subgid", os.getuid())
    return Ranges(uid, gid) if uid and gid else None


def map_users(pid: int, found: Ranges) -> None:
    """Number 0 inside is the caller, the others come from its ranges. Raise CalledProcessError, OSError."""
    for name, own, (first, count) in (("newuidmap", os.getuid(), found.uid), ("newgidmap", os.getgid(), found.gid)):
        subprocess.run([name, str(pid), "0", str(own), "1", "1", str(first), str(count)], check=True, capture_output=True, timeout=10)


def _range(path: str, uid: int) -> tuple[int, int] | None:
    names = {str(uid)}
    with contextlib.suppress(KeyError):
        names.add(pwd.getpwuid(uid).pw_name)
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        parts = line.split(":")
        if len(parts) == 3 and parts[0] in names and parts[1].isdecimal() and parts[2].isdecimal() and int(parts[2]) >= _NEEDED:
            return int(parts[1]), int(parts[2])
    return None
