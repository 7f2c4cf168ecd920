"""What every pod is run with: one object, made once by the supervisor and handed down."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path

from ostria.identity.tokens import TokenIssuer
from ostria.local.containers.images import ImageCommand, Places
from ostria.local.containers.volume_store import VolumeStore
from ostria.local.kernel.namespaces import Home
from ostria.local.kernel.processes import SOURCE, Processes
from ostria.local.network.links import Network
from ostria.local.pods.uncaptured import Ports

APP_ID = 10001
PROXY_ID = 1337
PROXY_MARK = 1337
NET_ADMIN, NET_RAW = 12, 13
NODE = "local"


class Mode(StrEnum):
    """How the mesh runs on this machine, best first."""

    ROOT = "root"
    ROOTLESS = "rootless"
    """A user namespace with many users: apps, proxies and the supervisor are different ones."""
    ROOTLESS_SINGLE = "rootless-single"
    """A user namespace with one user: Envoy is told by the mark on its sockets."""
    NO_CAPTURE = "no-capture"

    @property
    def capturing(self) -> bool:
        return self is not Mode.NO_CAPTURE

    @property
    def many_users(self) -> bool:
        return self in (Mode.ROOT, Mode.ROOTLESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    mesh: str
    mode: Mode
    home: Home
    processes: Processes
    network: Network
    volumes: VolumeStore
    logs: Path
    agents: Path
    root_certificate: Path
    tokens: TokenIssuer
    images: Mapping[str, ImageCommand]
    path: str
    """PATH for containers: that of whoever started the mesh."""
    hidden: tuple[str, ...]
    """Folders that no container may see: the state, the host's end of the mesh's sockets."""
    restore: Mapping[int, str]
    """`iptables-restore` by IP version."""
    ports: Ports
    """Only where pods share the machine's own ports."""
    clock: Callable[[], float]
    extra_needs: tuple[str, ...] = field(default=())

    @property
    def proxy_mark(self) -> int:
        """What Envoy's sockets carry where capture can't tell them by user; 0: nothing."""
        return PROXY_MARK if self.mode.capturing and not self.mode.many_users else 0

    @property
    def proxy_id(self) -> int:
        """Who agents and proxies run as; where nothing is captured there is nobody but the user."""
        if not self.mode.capturing:
            return os.getuid()
        return PROXY_ID if self.mode.many_users else 0

    def places(self, port: Callable[[int], int]) -> Places:
        return Places(python=sys.executable, examples=str(examples()), port=port)

    def agent_folder(self, pod: str) -> Path:
        """For sockets, whose paths must be short: outside the mesh's own /run a pod's name would be too much."""
        return self.agents / (pod if self.mode.capturing else blake2b(pod.encode(), digest_size=6).hexdigest())

    def needs(self, *more: str) -> list[str]:
        """Folders that have to be reachable, whoever may not read what is above them."""
        found = [sys.prefix, sys.base_prefix, SOURCE, str(examples()), *self.extra_needs, *more]
        return list(dict.fromkeys(os.path.realpath(path) for path in found if path))


def examples() -> Path:
    """The sample apps: inside the installed package, or beside the sources."""
    package = Path(__file__).resolve().parents[2] / "examples"
    return package if package.is_dir() else Path(__file__).resolve().parents[4] / "examples"
