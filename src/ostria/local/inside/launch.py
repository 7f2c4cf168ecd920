"""Become a container's command: put its files in place, give up every privilege, execute it.

Orders come as JSON from a descriptor; a failure is written to another one, which closes by itself when the command runs.
"""

import contextlib
import json
import os
import stat
import sys
from typing import Any

from ostria.local.inside import syscalls
from ostria.local.inside.files import arrange


def main() -> None:
    failure = int(sys.argv[2])
    os.set_inheritable(failure, False)
    try:
        orders = json.loads(os.fdopen(int(sys.argv[1])).read())
        _launch(orders)
    except OSError as error:
        os.write(failure, str(error).encode()[:4000])
    sys.exit(127)


def _launch(orders: dict[str, Any]) -> None:
    if orders.get("die_with_parent"):
        syscalls.die_with_parent(9)
    if orders.get("join"):
        _join(orders["join"])
    if files := orders.get("files"):
        syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC)
        if name := orders.get("hostname"):
            syscalls.set_hostname(name)
        arrange(files)
    if "uid" in orders:
        if not orders.get("join"):
            _own_pipes(orders["uid"])
        _give_up_privileges(orders["uid"], orders["gid"], orders.get("groups", []), frozenset(orders.get("capabilities", [])))
    os.umask(0o022)
    os.chdir(orders.get("cwd") or "/")
    try:
        os.execvpe(orders["argv"][0], orders["argv"], orders["env"])
    except OSError as error:
        raise OSError(f"the command {orders['argv'][0]!r} can't be run: {error.strerror}") from None


def _join(namespaces: list[int]) -> None:
    for fd in namespaces:
        syscalls.setns(fd, 0)
        os.close(fd)


def _own_pipes(uid: int) -> None:
    """Programs open /dev/stdout by its name, which asks for the rights of who made the pipe: container runtimes give it to the container's user, too.

    A pipe that another user made (`sudo -u … ostria exec … | less`) can't be given away; the open descriptor works all the same.
    """
    for fd in (1, 2):
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            with contextlib.suppress(PermissionError):
                os.fchown(fd, uid, -1)


def _give_up_privileges(uid: int, gid: int, groups: list[int], keep: frozenset[int]) -> None:
    """The bounding set first, the user last: no step may need a right that an earlier one gave up."""
    syscalls.limit_capabilities(keep)
    syscalls.keep_capabilities_over_setuid()
    if _may_set_groups():
        os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    syscalls.set_capabilities(keep)
    syscalls.no_new_privileges()


def _may_set_groups() -> bool:
    """A user namespace that maps a single user forbids it; there are no other groups there either."""
    with open("/proc/self/setgroups") as file:
        return file.read().strip() == "allow"
