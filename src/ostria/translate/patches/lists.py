"""The operations that are alike for every list of named parts: listener filters, network filters, HTTP filters."""

from collections.abc import Callable, MutableSequence
from typing import Any

from ostria.translate.patches.entry import Entry

Parts = Any
"""A repeated message field. Its type differs with the message; the parts go in and out as whole messages."""


def rearrange(parts: Parts, entry: Entry, matches: Callable[[Any], bool], *, chosen: bool) -> None:
    """Apply any operation but MERGE to `parts`. `chosen`: the patch names a part; else it means the list as a whole."""
    before = list(parts)
    after = _rearranged(before, entry, matches, chosen=chosen)
    if after is None:
        return
    del parts[:]
    parts.extend(after)
    entry.used = True


def _rearranged(before: MutableSequence[Any], entry: Entry, matches: Callable[[Any], bool], *, chosen: bool) -> list[Any] | None:
    at = next((i for i, part in enumerate(before) if matches(part)), None)
    match entry.operation:
        case "ADD":
            return [*before, entry.copy()]
        case "INSERT_FIRST":
            return [entry.copy(), *before]
        case "INSERT_BEFORE" if not chosen:
            return [entry.copy(), *before]
        case "INSERT_AFTER" if not chosen:
            return [*before, entry.copy()]
        case "INSERT_BEFORE" if at is not None:
            return [*before[:at], entry.copy(), *before[at:]]
        case "INSERT_AFTER" if at is not None:
            return [*before[: at + 1], entry.copy(), *before[at + 1 :]]
        case "REPLACE" if chosen and at is not None:
            return [*before[:at], entry.copy(), *before[at + 1 :]]
        case "REMOVE" if chosen and at is not None:
            return [part for part in before if not matches(part)]
        case _:
            return None
