"""How the machine itself resolves names: read before the mesh has files of its own."""

from pathlib import Path


def nameservers(text: str) -> list[str]:
    """The servers of a resolv.conf, without zones; the local one where none is named, as in libc."""
    found = [words[1].partition("%")[0] for line in text.splitlines() if len(words := line.split()) > 1 and words[0] == "nameserver"]
    return found or ["127.0.0.1"]


def hosts(text: str) -> dict[str, list[str]]:
    """Names of a hosts file with their addresses; loopback names are left out, because every pod has its own loopback."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if names and not address.startswith("127.") and address != "::1":
            for name in names:
                found.setdefault(name.lower(), []).append(address)
    return found


def read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
