"""Which numbers the mesh's processes have on the machine itself."""

import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path


def translate(control: Path, inner: Iterable[int]) -> dict[int, int]:
    """The mesh's own process ids → the machine's, for those that are still there. The supervisor is who listens on the control socket."""
    supervisor = _listener(control)
    own = _status(supervisor)
    if own is None:
        return {}
    depth = len(own[1]) - 1
    wanted = set(inner)
    processes = {int(name): found for name in os.listdir("/proc") if name.isdecimal() and (found := _status(int(name))) is not None}
    return {
        numbers[depth]: pid
        for pid, (_, numbers) in processes.items()
        if len(numbers) > depth and numbers[depth] in wanted and _descends(pid, supervisor, processes)
    }


def _listener(control: Path) -> int:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(control))
        pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)


def _status(pid: int) -> tuple[int, list[int]] | None:
    """Parent, and the process's number in each namespace from here inwards."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["PPid"]), [int(number) for number in fields.get("NSpid", str(pid)).split()]


def _descends(pid: int, ancestor: int, processes: dict[int, tuple[int, list[int]]]) -> bool:
    while pid in processes:
        if pid == ancestor:
            return True
        pid = processes[pid][0]
    return False
