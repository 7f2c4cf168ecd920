"""The slow way through an object that msgspec has refused: every problem of it, each with its path and a hint.

msgspec stops at the first mistake. This walk compares plain data with the same types, so it can't disagree about what is allowed; it also mends what
Kubernetes and Istio let pass: null means absent, and a few fields have an older spelling.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from typing import Any

from msgspec import inspect

from ostria.api.problem import Issue, Path
from ostria.api.scalars import Duration

OLDER_SPELLINGS = {"mirror_percent": "mirrorPercent", "jwks_uri": "jwksUri"}
"""The two snake_case names that Istio's own schemas still serve."""

_NAMES = {dict: "a mapping", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}


def mend(data: Any, shape: type, path: Path = ()) -> tuple[Any, list[Issue]]:
    """The data with leniencies applied, and every problem that is left in it."""
    walk = _Walk()
    return walk.value(data, _type_of(shape), path), walk.issues


@cache
def _type_of(shape: type) -> inspect.Type:
    return inspect.type_info(shape)


class _Walk:
    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def value(self, data: Any, kind: inspect.Type, path: Path) -> Any:
        match kind:
            case inspect.Metadata():
                return self.value(data, kind.type, path)
            case inspect.AnyType():
                return data
            case inspect.UnionType():
                return self._union(data, kind, path)
            case inspect.StructType():
                return self._struct(data, kind, path)
            case inspect.DictType():
                return self._map(data, kind, path)
            case inspect.VarTupleType():
                return self._list(data, kind, path)
            case inspect.CustomType():
                return self._duration(data, path)
            case inspect.LiteralType():
                return self._enum(data, kind.values, path)
            case _:
                return self._scalar(data, kind, path)

    def _say(self, path: Path, message: str, hint: str = "") -> None:
        self.issues.append(Issue(path, message, hint))

    def _expected(self, data: Any, what: str, path: Path) -> Any:
        self._say(path, f"expected {what}, found {_found(data)}", _hint(data, what))
        return data

    def _union(self, data: Any, kind: inspect.UnionType, path: Path) -> Any:
        options = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
        if data is None and len(options) < len(kind.types):
            return None
        trials = [_attempt(data, option, path) for option in options]
        mended, self_issues = min(trials, key=lambda trial: len(trial[1]))
        if self_issues and len(options) > 1:
            return self._expected(data, " or ".join(dict.fromkeys(_name(o) for o in options)), path)
        self.issues += self_issues
        return mended

    def _struct(self, data: Any, kind: inspect.StructType, path: Path) -> Any:
        if not isinstance(data, dict):
            return self._expected(data, "a mapping", path)
        fields = {f.encode_name: f for f in kind.fields}
        mended = {}
        for written, value in data.items():
            name = written if written in fields else OLDER_SPELLINGS.get(written, written)
            if name in fields and value is not None:
                mended[name] = self.value(value, fields[name].type, (*path, written))
            elif name not in fields and kind.forbid_unknown_fields:
                self._say((*path, written), f"unknown field {written!r}", _suggestion(written, fields))
        for name, field in fields.items():
            if field.required and name not in mended:
                self._say(path, f"the field {name!r} is missing", f"add {name}: …")
        return mended

    def _map(self, data: Any, kind: inspect.DictType, path: Path) -> Any:
        if not isinstance(data, dict):
            return self._expected(data, "a mapping", path)
        if isinstance(kind.value_type, inspect.AnyType):
            return data
        text = isinstance(kind.value_type, inspect.StrType)
        return {key: "" if value is None and text else self.value(value, kind.value_type, (*path, key)) for key, value in data.items()}

    def _list(self, data: Any, kind: inspect.VarTupleType, path: Path) -> Any:
        if not isinstance(data, list):
            return self._expected(data, "a list", path)
        return [self.value(item, kind.item_type, (*path, i)) for i, item in enumerate(data)]

    def _duration(self, data: Any, path: Path) -> Any:
        if not isinstance(data, str):
            return self._expected(data, "a duration", path)
        try:
            return Duration.parse(data)
        except ValueError as error:
            message, _, hint = str(error).partition(": ")
            self._say(path, message, hint)
        return data

    def _enum(self, data: Any, values: Iterable[Any], path: Path) -> Any:
        allowed = [str(v) for v in values]
        if data not in allowed:
            close = _suggestion(str(data), allowed, "write one of " + ", ".join(v or '""' for v in allowed))
            self._say(path, f"{data!r} is not one of the allowed values", close)
        return data

    def _scalar(self, data: Any, kind: inspect.Type, path: Path) -> Any:
        match kind:
            case inspect.StrType():
                return data if isinstance(data, str) else self._expected(data, "a string", path)
            case inspect.BoolType():
                return data if isinstance(data, bool) else self._expected(data, "a boolean", path)
            case inspect.FloatType():
                return data if isinstance(data, int | float) and not isinstance(data, bool) else self._expected(data, "a number", path)
            case inspect.IntType():
                return self._integer(data, kind, path)
        return data

    def _integer(self, data: Any, kind: inspect.IntType, path: Path) -> Any:
        if not isinstance(data, int) or isinstance(data, bool):
            return self._expected(data, "a whole number", path)
        low, high = kind.ge, kind.le
        if (low is not None and data < low) or (high is not None and data > high):
            span = f"between {low} and {high}" if None not in (low, high) else (f"{low} or more" if high is None else f"{high} or less")
            self._say(path, f"{data} is out of range", f"write a number {span}")
        return data


def _attempt(data: Any, kind: inspect.Type, path: Path) -> tuple[Any, list[Issue]]:
    walk = _Walk()
    return walk.value(data, kind, path), walk.issues


def _found(data: Any) -> str:
    name = _NAMES.get(type(data), "something else")
    return name if isinstance(data, dict | list) or data is None else f"{name} ({_as_written(data)})"


def _as_written(data: Any) -> str:
    text = {True: "true", False: "false"}[data] if isinstance(data, bool) else repr(data)
    return text if len(text) <= 60 else text[:57] + "…"


def _hint(data: Any, what: str) -> str:
    match what, data:
        case "a string", bool() | int() | float():
            return f'quote it: "{_as_written(data)}" (unquoted, YAML reads yes, no, on, off, y and n as booleans and digits as numbers)'
        case "a whole number" | "a number" | "a boolean", str():
            return "write it without quotes" if data and data[0] in "0123456789-tf" else ""
        case "a duration", int() | float():
            return f"give it a unit, such as {data}s"
        case "a list", dict() | str():
            return "begin each item with a dash: - …"
        case "a mapping", list():
            return "remove the dash, or indent the item under a key"
        case _:
            return ""


def _suggestion(word: str, known: Iterable[str], otherwise: str = "") -> str:
    close = get_close_matches(word.lower(), candidates := {k.lower(): k for k in known}, n=1, cutoff=0.6)
    if close:
        return f"did you mean {candidates[close[0]]}?"
    return otherwise or ("known here: " + ", ".join(sorted(candidates.values())) if candidates else "nothing may stand here")


def _name(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            return _name(kind.type)
        case inspect.StrType():
            return "a string"
        case inspect.IntType():
            return "a whole number" if kind.ge is None else f"a number from {kind.ge} to {kind.le}"
        case inspect.FloatType():
            return "a number"
        case inspect.BoolType():
            return "a boolean"
        case _:
            return "a mapping"
