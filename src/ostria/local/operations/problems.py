"""What the control plane knows to be wrong (its page `/debug/problems`) as the problems that `ostria status` shows: one shape, each with place and hint. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
_PLACE = re.compile(r"(.*?)(?::(\d+))?(?::(\d+))?", re.DOTALL)

_NOISE = re.compile(r"goo\.gle/debug\w+")
"""Protobuf puts it before the text of a message, in changing forms, so that nobody relies on it."""


def flat(page: Json) -> list[dict[str, Any]]:
    """Refused objects, references that lead nowhere, resources that could not be built, and what proxies refuse."""
    return [
        *map(_object, page.get("objects", ())),
        *map(_lost, page.get("dangling", ())),
        *map(_unbuilt, page.get("builds", ())),
        *_refused(page),
    ]


def _object(found: Json) -> dict[str, Any]:
    return _problem(found["at"], found["severity"], found["object"], found["message"], found.get("hint", ""), found.get("field", ""))


def _lost(found: Json) -> dict[str, Any]:
    """A warning: the mesh does what the file says, which is to answer 503."""
    rule = found.get("rule")
    field = "" if rule is None else f"spec.http[{rule}]"
    return _problem(found["at"], "warning", found["object"], found["message"], found.get("hint", ""), field)


def _unbuilt(found: Json) -> dict[str, Any]:
    at, names = _origins(found["origins"])
    return _problem(at, "error", names, f"not built: {found['message']}", "")


def _refused(page: Json) -> Iterator[dict[str, Any]]:
    """One for each resource, however many proxies refuse it."""
    proxies: dict[tuple[str, str, str, str, str], list[str]] = {}
    for found in page.get("refused", ()):
        at, names = _origins(found["origins"])
        words = " ".join(_NOISE.sub("", found["error"]).split())
        proxies.setdefault((at, names, found["type"].rpartition(".")[2], found["resource"], words), []).append(found["proxy"])
    for (at, names, kind, resource, words), who in proxies.items():
        message = f"Envoy refuses {kind} {resource}: {words} (at {', '.join(who[:3])}{' and others' if len(who) > 3 else ''})"
        yield _problem(at, "error", names, message, "the last version that Envoy took stays in force there")


def _origins(origins: Iterable[Json]) -> tuple[str, str]:
    """The place of the last object that has one (a rule stands behind the Service that it is for), and all objects."""
    found = list(origins)
    return next((each["at"] for each in reversed(found) if each["at"]), ""), ", ".join(each["object"] for each in found)


def _problem(at: str, severity: str, name: str, message: str, hint: str, field: str = "") -> dict[str, Any]:
    path, line, column = place(at)
    return {
        "path": path,
        "line": line,
        "column": column,
        "severity": severity,
        "object": name,
        "field": field,
        "message": message,
        "hint": hint,
    }


def place(at: str) -> tuple[str, int, int]:
    """`PATH:LINE` or `PATH:LINE:COLUMN`."""
    found = _PLACE.fullmatch(at)
    return (found[1], int(found[2] or 0), int(found[3] or 0)) if found else (at, 0, 0)
