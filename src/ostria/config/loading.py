"""One file's text to good objects and to problems with their places. Pure: the same text gives the same result.

A file is read document by document, and each document is known by the hash of its text: when a file changes, only the documents that changed are
parsed, typed and validated again. Everything here is cheap for good input; positions of fields are worked out only for documents with problems.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NamedTuple

from ostria.api import decode, documents
from ostria.api.encode import content_version
from ostria.api.kinds import BY_NAME
from ostria.api.meta import ObjectKey, Resource
from ostria.api.problem import Path, Problem, Severity, located
from ostria.api.reader import Fault, Limits, Marks, Position, nearest
from ostria.api.uses import refused
from ostria.config.closing import Closing
from ostria.config.closing import of_data as closing_data
from ostria.config.closing import of_text as closing_text
from ostria.config.memory import in_namespace
from ostria.config.stored import Origin, Stored
from ostria.config.validate import validate


class Entry(NamedTuple):
    """One object of a document, good or not. Its position, and those of its problems, count from the start of the document."""

    key: ObjectKey | None
    """None when it could not be read that far."""
    resource: Resource | None
    """None when it was refused."""
    version: str
    position: Position
    problems: tuple[Problem, ...]
    unknown: bool = False
    """Nobody can tell which object is meant, so it may be any that the file held before."""
    closing: Closing | None = None
    """What it would have closed, had it not been refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One object of a file, with its place in the file. `stored` is None when it was refused."""

    key: ObjectKey | None
    stored: Stored | None
    origin: Origin
    problems: tuple[Problem, ...]
    unknown: bool = False
    closing: Closing | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """All objects of one file in their order, and what to hand in when the file is loaded again."""

    items: tuple[Item, ...]
    known: Mapping[bytes, tuple[Entry, ...]]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for item in self.items for problem in item.problems)


def load(
    path: str, text: str, namespace: str = "default", known: Mapping[bytes, tuple[Entry, ...]] | None = None, limits: Limits | None = None
) -> Loaded:
    """Objects that name no namespace go into `namespace`. `known` is what the last load of this file left."""
    limits = limits or Limits()
    if len(text) > limits.characters:
        problem = Problem(path=path, line=1, column=1, message=f"larger than {limits.characters} characters", hint="split the file")
        return Loaded((Item(None, None, Origin(path, 1, 1), (problem,), unknown=True),), {})
    items: list[Item] = []
    fresh: dict[bytes, tuple[Entry, ...]] = {}
    for chunk in documents.split(text):
        digest = blake2b(chunk.text.encode(errors="surrogatepass"), digest_size=16).digest()
        entries = fresh.get(digest) or (known or {}).get(digest)
        if entries is None:
            entries = tuple(_entries(chunk.text, namespace, limits))
        fresh[digest] = entries
        items += (_item(path, chunk.line, entry) for entry in entries)
    return Loaded(tuple(items), fresh)


def load_bytes(path: str, data: bytes, namespace: str = "default", known: Mapping[bytes, tuple[Entry, ...]] | None = None) -> Loaded:
    """As `load`, for what stands in a file: UTF-8, with or without a byte order mark."""
    try:
        return load(path, data.decode("utf-8-sig"), namespace, known)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(path=path, line=line, column=1, message="not UTF-8", hint="save the file as UTF-8")
        return Loaded((Item(None, None, Origin(path, line, 1), (problem,), unknown=True),), {})


def _item(path: str, line: int, entry: Entry) -> Item:
    origin = Origin(path, line + entry.position[0] + 1, entry.position[1] + 1)
    problems = tuple(replace(p, path=path, line=p.line + line) for p in entry.problems)
    kept = None if entry.key is None or entry.resource is None else Stored(entry.key, entry.resource, origin, entry.version)
    return Item(entry.key, kept, origin, problems, entry.unknown, entry.closing)


def _entries(text: str, namespace: str, limits: Limits) -> Iterator[Entry]:
    """The objects of one document's text."""
    places = _Places(text, limits)
    for index, document in enumerate(documents.read(text, limits)):
        if document.faults and document.data is None:
            yield from _unreadable(text, namespace, document.faults)
            continue
        for decoded in decode.objects(document.data):
            resource = None if decoded.resource is None else in_namespace(decoded.resource, namespace)
            issues = list(decoded.issues)
            if resource is not None:
                issues += (i._replace(path=decoded.prefix + i.path) for i in (*refused(resource), *validate(resource)))
            key = _placed(decoded.key, namespace)
            shown = decoded.key if key is None else key
            position = places.of(index, decoded.prefix) if decoded.prefix else document.position
            faults = places.faults(index) if document.faults else ()
            problems = (
                *(located(fault.issue, "", fault.position, shown) for fault in faults),
                *(located(issue, "", places.of(index, issue.path), shown) for issue in issues),
            )
            if any(p.severity is Severity.ERROR for p in problems):
                resource = None
            version = content_version(resource) if resource is not None else ""
            closing = closing_data(document.data, decoded.prefix) if resource is None else None
            yield Entry(
                None if decoded.foreign else key, resource, version, position, problems, key is None and not decoded.foreign, closing
            )


def _placed(key: ObjectKey | None, namespace: str) -> ObjectKey | None:
    """The key that the object would have had; None if there is no telling."""
    if key is None or not key.name or key.kind not in BY_NAME:
        return None
    return key._replace(namespace=(key.namespace or namespace) if BY_NAME[key.kind].namespaced else "")


class _Places:
    """Where the fields of a document stand: found out when first asked."""

    def __init__(self, text: str, limits: Limits) -> None:
        self._text = text
        self._limits = limits
        self._marks: dict[int, Marks] = {}
        self._faults: list[tuple[Fault, ...]] | None = None

    def of(self, document: int, path: Path) -> Position:
        self._look()
        return nearest(self._marks.get(document, {}), path)

    def faults(self, document: int) -> tuple[Fault, ...]:
        return self._look()[document]

    def _look(self) -> list[tuple[Fault, ...]]:
        if self._faults is None:
            self._faults = [document.faults for document in documents.read(self._text, self._limits, self._marks)]
        return self._faults


_SKETCH = re.compile(r"^(kind|  name|  namespace):[ \t]*[\"']?([A-Za-z0-9.-]+)", re.MULTILINE)
_INLINE = re.compile(r"^metadata:[ \t]*\{([^{}]*)", re.MULTILINE)


def _unreadable(text: str, namespace: str, faults: tuple[Fault, ...]) -> Iterator[Entry]:
    """A document that is not YAML. Its object is guessed from the usual layouts, so that its last good version can be kept for it."""
    inline = _INLINE.search(text)
    unfolded = "\n".join(f"  {part.strip()}" for part in inline[1].split(",")) if inline else ""
    seen: dict[str, str] = {}
    for match in _SKETCH.finditer(f"{text}\n{unfolded}"):
        seen.setdefault(match[1].strip(), match[2])
    key = _placed(ObjectKey(seen["kind"], seen.get("namespace", ""), seen["name"]), namespace) if {"kind", "name"} <= seen.keys() else None
    yield Entry(
        key,
        None,
        "",
        faults[-1].position,
        tuple(located(fault.issue, "", fault.position, key) for fault in faults),
        key is None,
        closing_text(text),
    )
