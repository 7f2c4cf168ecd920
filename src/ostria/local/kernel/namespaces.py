"""Stand in another namespace for a few lines: whatever is opened or executed there belongs to it.

The supervisor's main thread steps in and back without awaiting in between, so that nothing else ever runs in the wrong place.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ostria.local.inside import syscalls


class Home:
    """The namespaces that the supervisor itself lives in."""

    def __init__(self) -> None:
        self._network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._pid = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def new_network(self) -> int:
        """A network namespace without a name: it lives as long as this descriptor or a process in it."""
        syscalls.unshare(syscalls.CLONE_NEWNET)
        try:
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            syscalls.setns(self._network, syscalls.CLONE_NEWNET)

    @contextmanager
    def inside(self, network: int | None, *, own_pids: bool = False, pids_of: int | None = None) -> Iterator[None]:
        """Children started in the block are in `network` (None: the mesh's own); they are first in new PID namespaces, or join another process's."""
        try:
            if network is not None:
                syscalls.setns(network, syscalls.CLONE_NEWNET)
            if own_pids:
                syscalls.unshare(syscalls.CLONE_NEWPID)
            elif pids_of is not None:
                syscalls.setns(pids_of, syscalls.CLONE_NEWPID)
            yield
        finally:
            if own_pids or pids_of is not None:
                syscalls.setns(self._pid, syscalls.CLONE_NEWPID)
            if network is not None:
                syscalls.setns(self._network, syscalls.CLONE_NEWNET)
