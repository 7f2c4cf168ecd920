"""The text of a YAML (or JSON) file, cut into documents and read into plain data."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml
from yaml.reader import ReaderError

from ostria.api.reader import Document, Fault, Limits, Marks, Reader, Stop

_MARKER = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)


class Chunk(NamedTuple):
    """A part of a file that can be read by itself; `line` is the number of lines before it."""

    line: int
    text: str


def split(text: str) -> Iterator[Chunk]:
    """The documents of a file, unread. A line that begins with `---` ends a document wherever it stands, says the YAML specification."""
    start, line = 0, 0
    for marker in _MARKER.finditer(text):
        chunk = text[start : marker.start()]
        if _is_prefix(chunk):
            continue
        yield Chunk(line, chunk)
        line += chunk.count("\n")
        start = marker.start()
    yield Chunk(line, text[start:])


def _is_prefix(chunk: str) -> bool:
    """Directives (`%YAML`) and comments belong to the document behind them."""
    return all(not line.strip() or line[0] in "#%" for line in chunk.splitlines())


def read(text: str, limits: Limits | None = None, marks: dict[int, Marks] | None = None) -> list[Document]:
    """The documents in `text`. Never raises: what can't be read is a document without data and with a fault.

    With `marks`, the positions of every field go there, by the document's index.
    """
    reader = Reader(limits or Limits(), marks)
    try:
        reader.run(text)
    except Stop as stop:
        reader.give_up(stop.fault)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reader.give_up(Fault((mark.line, mark.column) if mark else (0, 0), (), *_explain(error)))
    except (ReaderError, UnicodeEncodeError) as error:
        reader.give_up(Fault((0, 0), (), f"not readable as text: {error}", "YAML files are UTF-8 without control characters"))
    return reader.documents


def _explain(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    message = f"malformed YAML: {error.problem or error.context}"
    if "cannot start any token" in message:
        return message, "indent with spaces, not with tabs, and quote values that begin with @, ` or %"
    if "mapping values are not allowed" in message:
        return message, 'quote a value that holds ": ", and check the indentation'
    return message, f"it happened {error.context}" if error.context and error.problem else "check indentation and quotes around this line"
