"""What a container sees of the file system: the machine's, read-only, with its own /run, /tmp, /proc and name resolution, and its volumes.

A folder that has to change gets a *mirror*: an empty memory file system in its place, in which every entry of the old one appears again by bind mount. So a
volume can be mounted where nothing exists, and nothing is ever written to the machine itself.
"""

import contextlib
import os
import stat
from typing import Any

from ostria.local.inside.syscalls import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC, change_root, mount, set_read_only


def arrange(files: dict[str, Any]) -> None:
    """Keys: `needs` (folders that must be reachable), `hidden`, `texts` (path → content), `mounts` (path, source, read_only), `uid`."""
    os.umask(0o022)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    if any(not os.path.lexists("/" + path.split("/")[1]) for path, _, _ in files["mounts"]):
        _mirror_root()
    sources = [(path, os.open(source, os.O_PATH)) for path, source, _ in files["mounts"]]
    needs = [(path, os.open(path, os.O_PATH)) for path in files["needs"] if os.path.exists(path)]
    fresh = _fresh_folders(files, [path for path, _ in needs])
    for folder in fresh:
        _mount_memory(folder, 0o1777 if folder in _SCRATCH else 0o755)
    for path, fd in needs:
        if any(_below(path, folder) for folder in fresh):
            _bind(os.dup(fd), path)
    _new_proc()
    for path, text in files["texts"].items():
        _place_text(path, text)
    for path, fd in sources:
        _bind(fd, path)
    _keep_reachable(needs, [path for path, _, _ in files["mounts"]])
    _protect([*(_SCRATCH & set(fresh)), "/proc", "/run"], [path for path, _, read_only in files["mounts"] if not read_only])


def arrange_mesh(keep: list[str], texts: dict[str, str]) -> None:
    """What the mesh's own processes see: the machine's files, but a /run of their own, in which only `keep` is still there, and `texts`."""
    os.umask(0o022)
    kept = [(path, os.open(path, os.O_PATH)) for path in keep if _below(path, "/run") and os.path.exists(path)]
    _mount_memory("/run", 0o755)
    for path, fd in kept:
        _bind(fd, path)
    for path, text in texts.items():
        _place_text(path, text)


def _keep_reachable(needs: list[tuple[str, int]], volumes: list[str]) -> None:
    """A volume may be mounted over what the command lives in (an emptyDir at /tmp, Python below it): show that again, inside the volume."""
    for path, fd in needs:
        if any(_below(path, volume) for volume in volumes):
            os.makedirs(path, exist_ok=True)
            mount(f"/proc/self/fd/{fd}", path, flags=MS_BIND | MS_REC)
        os.close(fd)


_SCRATCH = frozenset({"/tmp", "/dev/shm", "/var/tmp"})


def _fresh_folders(files: dict[str, Any], needs: list[str]) -> list[str]:
    """Folders that are replaced whole, outermost first: scratch space, /run, what is hidden, and what bars the way to something needed."""
    wanted = {"/run", *_SCRATCH, *files["hidden"]}
    if not os.path.islink("/var/run"):
        wanted.add("/var/run")
    wanted.update(barrier for need in needs if (barrier := _barrier(need, files["uid"])))
    present = {os.path.realpath(folder) for folder in wanted if os.path.isdir(folder)}
    return sorted(folder for folder in present if not any(_below(folder, other) and folder != other for other in present))


def _barrier(path: str, uid: int) -> str | None:
    """The first folder on the way to `path` that user `uid` may not pass."""
    parts = path.strip("/").split("/")
    for count in range(1, len(parts)):
        folder = "/" + "/".join(parts[:count])
        found = os.stat(folder)
        if not found.st_mode & (stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH):
            return folder
    return None


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _bind(fd: int, path: str) -> None:
    """Mount what `fd` names at `path`, making the place for it where there is none."""
    is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
    if not os.path.lexists(path) or os.path.islink(path) or os.path.isdir(path) != is_folder:
        _make_place(path, is_folder)
    mount(f"/proc/self/fd/{fd}", path, flags=MS_BIND | MS_REC)
    os.close(fd)


def _make_place(path: str, is_folder: bool) -> None:
    parent = os.path.dirname(path)
    ancestor = parent
    while not os.path.isdir(ancestor):
        ancestor = os.path.dirname(ancestor)
    if not _is_ours(ancestor):
        _mirror(ancestor)
    os.makedirs(parent, exist_ok=True)
    if os.path.islink(path):
        os.unlink(path)
    if is_folder:
        os.makedirs(path, exist_ok=True)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _is_ours(folder: str) -> bool:
    """A mirror, or a folder in one: made here in memory, so that writing to it touches nothing outside."""
    return os.stat(folder).st_dev in _OURS


_OURS: set[int] = set()


def _mount_memory(folder: str, mode: int) -> None:
    mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode:o}")
    _OURS.add(os.stat(folder).st_dev)


def _mirror(folder: str) -> None:
    old = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    entries = [(entry.name, entry.is_symlink(), entry.is_dir()) for entry in os.scandir(folder)]
    _mount_memory(folder, 0o755)
    _show_again(old, entries, folder.rstrip("/"))
    os.close(old)


def _mirror_root() -> None:
    """The root itself can't be mounted over: a new one is made beside it, and then takes its place."""
    old = os.open("/", os.O_PATH | os.O_DIRECTORY)
    entries = [(entry.name, entry.is_symlink(), entry.is_dir()) for entry in os.scandir("/")]
    scratch = os.open("/tmp", os.O_PATH | os.O_DIRECTORY)
    _mount_memory("/tmp", 0o755)
    _show_again(old, [entry for entry in entries if entry[0] != "tmp"], "/tmp")
    os.mkdir("/tmp/tmp")
    mount(f"/proc/self/fd/{scratch}", "/tmp/tmp", flags=MS_BIND | MS_REC)
    os.close(scratch)
    os.close(old)
    change_root("/tmp")


def _show_again(old: int, entries: list[tuple[str, bool, bool]], where: str) -> None:
    for name, is_link, is_folder in entries:
        place, source = f"{where}/{name}", f"/proc/self/fd/{old}/{name}"
        if is_link:
            os.symlink(os.readlink(source), place)
            continue
        if is_folder:
            os.mkdir(place)
        else:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
        with contextlib.suppress(OSError):  # an entry that may not be bound (a vanished file) stays an empty place
            mount(source, place, flags=MS_BIND | MS_REC)


def _place_text(path: str, text: str) -> None:
    """Show `text` at `path`, through links: /etc/resolv.conf often points into /run, which is empty here."""
    target = os.path.realpath(path)
    if _below(target, "/run"):
        _write(target, text)
        return
    store = f"/run/.texts/{path.strip('/').replace('/', '-')}"
    _write(store, text)
    _bind(os.open(store, os.O_PATH), target)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def _new_proc() -> None:
    with contextlib.suppress(OSError):  # see enter: a container may forbid it
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _protect(scratch: list[str], writable: list[str]) -> None:
    """Everything read-only, then what is the container's own writable again. Kernels before 5.12 lack the call: there, users alone protect."""
    with contextlib.suppress(OSError):
        set_read_only("/", True, recursive=True)
        for path in [*scratch, *writable]:
            set_read_only(path, False, recursive=False)
