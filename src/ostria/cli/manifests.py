"""Objects out of the files that a command line names: every problem is said with its place before anything is done."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ostria.api.problem import Severity
from ostria.cli.running import fail, say
from ostria.config.loading import load_bytes
from ostria.config.store import Stored

SUFFIXES = (".yaml", ".yml", ".json")
STANDARD_INPUT = "-"


def read(paths: Iterable[str], namespace: str) -> list[Stored]:
    """All objects, in order. End with status 1 when one of them is refused: a command does all of its work or none."""
    objects: list[Stored] = []
    refused = False
    for name, data in _contents(paths):
        loaded = load_bytes(name, data, namespace)
        for problem in loaded.problems:
            say(str(problem))
            refused |= problem.severity is Severity.ERROR
        objects += [item.stored for item in loaded.items if item.stored is not None]
    if refused:
        fail("nothing was changed: the objects above were refused")
    if not objects:
        fail("the files hold no object")
    return objects


def _contents(paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if path == STANDARD_INPUT:
            yield "<standard input>", sys.stdin.buffer.read()
            continue
        for file in _files(Path(path)):
            try:
                yield str(file), file.read_bytes()
            except OSError as error:
                fail(f"{file}: {error.strerror}")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES and not f.name.startswith("."))
        return found or fail(f"{path} holds no {', '.join(SUFFIXES)} file")
    return [path]
