"""Make the mesh's namespaces and keep its first process: when `ostria up` dies, by whatever signal, the kernel takes the whole mesh with it.

This process stays between the two: it has `ostria up` as parent (death signal SIGTERM, so that it can remove the runtime folder) and the supervisor as
child (death signal SIGKILL). It reads its orders as JSON from a descriptor; a user namespace's maps are written by the other side where `newuidmap` helps.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
from typing import Any

from ostria.local.inside import syscalls

_CAP_LAST_RESORT = 126


def main() -> None:
    orders = json.loads(os.fdopen(int(sys.argv[1])).read())
    parent = os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
    try:
        _enter(orders)
        child = os.fork()
        if child == 0:
            _become_first_process(orders)
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(_CAP_LAST_RESORT)
    syscalls.die_with_parent(signal.SIGTERM)
    sys.exit(_keep(child, parent, orders["runtime"]))


def _enter(orders: dict[str, Any]) -> None:
    if orders["user_namespace"]:
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        if orders["mapper"] is None:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"0 {uid} 1")
            _write("/proc/self/gid_map", f"0 {gid} 1")
        else:
            asked, answered = orders["mapper"]
            os.write(asked, b"map me\n")
            if os.read(answered, 16) != b"mapped\n":
                raise OSError("the user namespace could not be mapped")
            os.setgid(0)
            os.setuid(0)
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWPID | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)


def _become_first_process(orders: dict[str, Any]) -> None:
    syscalls.die_with_parent(signal.SIGKILL)
    with contextlib.suppress(
        OSError
    ):  # a container may hide parts of /proc and so forbid a second one; the old one does for the supervisor
        syscalls.mount("proc", "/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
    if orders["argv"]:
        os.execve(orders["argv"][0], orders["argv"], orders["env"])
    os._exit(0)


def _keep(child: int, parent: int, runtime: str) -> int:
    """Wait for the supervisor; pass on requests to stop; when the parent is gone, end it at once and leave nothing behind."""
    while True:
        received = signal.sigwait({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
        if received == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code  # as shells tell of signals
        elif os.getppid() != parent:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            if runtime:
                shutil.rmtree(runtime, ignore_errors=True)
            return 1
        else:
            os.kill(child, signal.SIGTERM)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
