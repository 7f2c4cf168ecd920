"""One YAML document from the parser's events to plain data: dictionaries with string keys, lists and scalars, as Kubernetes would read them.

It keeps a stack of its own, because composing nodes recurses in C and a file of brackets would end the process. Two passes share the code: the
usual one keeps no positions; only for a document with problems is the text read again with `marks`.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

from yaml import CSafeLoader, events

from ostria.api.problem import Issue, Path
from ostria.api.resolve import PECULIAR, Scalar, number, plain_scalar

Position = tuple[int, int]
"""Line and column, from 0, within the text that was parsed."""
Marks = dict[Path, Position]


def nearest(marks: Marks, path: Path) -> Position:
    """The field's position, or that of the nearest thing around it that is written in the file."""
    while path and path not in marks:
        path = path[:-1]
    return marks.get(path, (0, 0))


_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may ask of us."""

    characters: int = 64_000_000
    documents: int = 100_000
    depth: int = 100
    nodes: int = 2_000_000
    """Of one document, counting what an alias stands for each time it is used."""


class Fault(NamedTuple):
    """Something that YAML itself, or Kubernetes' use of it, forbids."""

    position: Position
    path: Path
    message: str
    hint: str = ""

    @property
    def issue(self) -> Issue:
        return Issue(self.path, self.message, self.hint)


class Document(NamedTuple):
    data: Any
    position: Position
    faults: tuple[Fault, ...] = ()


class Stop(Exception):
    """The text can't be read further."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


@dataclass(slots=True)
class _Frame:
    """An open mapping or sequence."""

    value: Any
    is_map: bool
    path: Path
    anchor: str | None
    nodes_before: int
    key: str | None = None
    merging: bool = False
    """The value that comes next stands behind `<<`."""
    merges: list[Any] = field(default_factory=list)


class Reader:
    def __init__(self, limits: Limits, marks: dict[int, Marks] | None) -> None:
        self.documents: list[Document] = []
        self._limits = limits
        self._all_marks = marks
        self._marks: Marks | None = None
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._faults: list[Fault] = []
        self._start: Position = (0, 0)

    def run(self, text: str) -> None:
        parser = CSafeLoader(text)
        handlers: dict[type, Callable[[Any], None]] = {
            events.ScalarEvent: self._scalar,
            events.MappingStartEvent: self._open,
            events.SequenceStartEvent: self._open,
            events.MappingEndEvent: self._close,
            events.SequenceEndEvent: self._close,
            events.AliasEvent: self._alias,
            events.DocumentStartEvent: self._begin,
        }
        while (event := parser.get_event()) is not None:
            handler = handlers.get(event.__class__)
            if handler is not None:
                handler(event)

    def give_up(self, fault: Fault) -> None:
        self.documents.append(Document(None, self._start if self._stack else fault.position, (*self._faults, fault)))

    def _begin(self, _event: events.DocumentStartEvent) -> None:
        if len(self.documents) >= self._limits.documents:
            self._stop(_event, f"more than {self._limits.documents} documents in one file", "split the file")
        self._anchors, self._nodes, self._faults, self._stack = {}, 0, [], []
        if self._all_marks is not None:
            self._marks = self._all_marks[len(self.documents)] = {}

    def _stop(self, event: events.Event, message: str, hint: str) -> None:
        raise Stop(Fault(_position(event), self._here(), message, hint))

    def _fault(self, event: events.Event, path: Path, message: str, hint: str = "") -> None:
        self._faults.append(Fault(_position(event), path, message, hint))

    def _here(self) -> Path:
        """The path of the value that comes next."""
        if not self._stack:
            return ()
        frame = self._stack[-1]
        step = frame.key if frame.is_map else len(frame.value)
        return frame.path if step is None else (*frame.path, step)

    def _count(self, event: events.Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._limits.nodes:
            self._stop(
                event, f"more than {self._limits.nodes} values in one document", "write out what the aliases stand for, or less of it"
            )

    def _open(self, event: events.MappingStartEvent | events.SequenceStartEvent) -> None:
        is_map = isinstance(event, events.MappingStartEvent)
        stack = self._stack
        if not stack:
            self._start = _position(event)
        elif len(stack) >= self._limits.depth:
            self._stop(event, f"nested deeper than {self._limits.depth} levels", "no object of the API is nested that deep")
        elif stack[-1].is_map and stack[-1].key is None:
            self._stop(event, "a key must be a simple value", "quote the key if it begins with [ or {")
        if event.tag not in (None, "!", _TAG + ("map" if is_map else "seq")):
            self._fault(event, self._here(), f"the tag {event.tag} has no meaning here", "remove the tag")
        path: Path = ()
        if self._marks is not None:
            path = self._here()
            self._marks.setdefault(path, _position(event))
        stack.append(_Frame({} if is_map else [], is_map, path, event.anchor, self._nodes))
        if event.anchor:
            self._anchors[event.anchor] = (_MERGE, -1)

    def _close(self, event: events.Event) -> None:
        frame = self._stack.pop()
        self._count(event, 1)
        for merged in frame.merges:
            for key, value in merged.items():
                frame.value.setdefault(key, value)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, self._nodes - frame.nodes_before)
        self._put(event, frame.value)

    def _scalar(self, event: events.ScalarEvent) -> None:
        self._count(event, 1)
        text: str = event.value
        value: Scalar = text
        stack = self._stack
        is_key = bool(stack) and stack[-1].is_map and stack[-1].key is None
        if event.implicit[0]:
            if text[:1] in PECULIAR:
                value = plain_scalar(text)
                if isinstance(value, float) and not isfinite(value):
                    self._fault(event, self._here(), f"{text} is not a number that JSON can hold")
            elif is_key and text == _MERGE:
                stack[-1].key, stack[-1].merging = _MERGE, True
                return
        elif event.tag is not None and event.tag != "!":
            value = self._tagged(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        if is_key:
            self._key(event, value)
            return
        if not stack:
            self._start = _position(event)
        if self._marks is not None:
            self._marks.setdefault(self._here(), _position(event))
        self._put(event, value)

    def _tagged(self, event: events.ScalarEvent) -> Scalar:
        text: str = event.value
        match (event.tag or "").removeprefix(_TAG):
            case "str" | "timestamp":
                return text
            case "int" | "float" if text and not isinstance(number(text), str):
                return number(text)
            case "bool" | "null" if not isinstance(plain_scalar(text), str | int | float) or isinstance(plain_scalar(text), bool):
                return plain_scalar(text)
            case "binary":
                try:
                    return base64.b64decode(text, validate=False).decode()
                except (binascii.Error, UnicodeDecodeError):
                    self._fault(event, self._here(), "this is not base64 of a text")
            case _:
                self._fault(event, self._here(), f"{text!r} can't have the tag {event.tag}", "remove the tag")
        return text

    def _key(self, event: events.Event, value: Scalar) -> None:
        """JSON's keys are strings: `80` is "80", `yes` is "true"."""
        frame = self._stack[-1]
        match value:
            case str():
                key = value
            case bool():
                key = "true" if value else "false"
            case None:
                key = ""
                self._fault(event, frame.path, "a key must not be empty", "quote the key if it is meant to be null or ~")
            case _:
                key = str(value)
        if key in frame.value:
            self._fault(event, (*frame.path, key), f"the key {key!r} is there twice", "remove one of the two")
        if self._marks is not None:
            self._marks.setdefault((*frame.path, key), _position(event))
        frame.key = key

    def _alias(self, event: events.AliasEvent) -> None:
        value, size = self._anchors.get(event.anchor or "", (None, 0))
        if size == 0:
            self._stop(event, f"*{event.anchor} refers to no anchor in this document", f"write &{event.anchor} at the value that is meant")
        if size < 0:
            self._stop(event, f"*{event.anchor} contains itself", "write out what is meant")
        self._count(event, size)
        stack = self._stack
        if stack and stack[-1].is_map and stack[-1].key is None:
            if isinstance(value, dict | list):
                self._stop(event, "a key must be a simple value", "write out the key")
            self._key(event, value)
            return
        if self._marks is not None:
            self._marks.setdefault(self._here(), _position(event))
        self._put(event, value)

    def _put(self, event: events.Event, value: Any) -> None:
        stack = self._stack
        if not stack:
            self.documents.append(Document(value, self._start, tuple(self._faults)))
            return
        frame = stack[-1]
        if not frame.is_map:
            frame.value.append(value)
            return
        if frame.merging:
            frame.merging = False
            self._merge(event, frame, value)
        else:
            frame.value.setdefault(frame.key, value)
        frame.key = None

    def _merge(self, event: events.Event, frame: _Frame, value: Any) -> None:
        sources = value if isinstance(value, list) else [value]
        if all(isinstance(source, dict) for source in sources):
            frame.merges.extend(sources)
        else:
            self._fault(event, frame.path, "<< takes a mapping or a list of mappings", "merge an anchor of a mapping: <<: *name")


def _position(event: events.Event) -> Position:
    mark = event.start_mark
    return (mark.line, mark.column) if mark is not None else (0, 0)
