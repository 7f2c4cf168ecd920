"""What is wrong with an object: where it stands, what it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ostria.api.meta import ObjectKey

Path = tuple[str | int, ...]
"""Steps from the top of a document to a field: `("spec", "http", 0, "timeout")`."""


class Severity(StrEnum):
    ERROR = "error"
    """The object is refused."""
    WARNING = "warning"
    """The object is taken, and probably does not do what its author wants."""


class Issue(NamedTuple):
    """A problem before its position is known."""

    path: Path
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem with its place. Lines and columns count from 1."""

    path: str
    line: int
    column: int
    message: str
    field: str = ""
    hint: str = ""
    severity: Severity = Severity.ERROR
    key: ObjectKey | None = None

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"

    def __str__(self) -> str:
        about = ": ".join(part for part in (str(self.key or ""), self.field, self.message) if part)
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.where}: {self.severity}: {about}{hint}"


def located(issue: Issue, path: str, position: tuple[int, int], key: ObjectKey | None = None) -> Problem:
    """The issue with its place; `position` is line and column from 0."""
    line, column = position
    return Problem(
        path=path,
        line=line + 1,
        column=column + 1,
        message=issue.message,
        field=field_path(issue.path),
        hint=issue.hint,
        severity=issue.severity,
        key=key,
    )


def field_path(path: Path) -> str:
    """`spec.http[0].match[0].headers["end-user"]`"""
    text = ""
    for step in path:
        match step:
            case int():
                text += f"[{step}]"
            case str() if step.replace("_", "a").isalnum():
                text += f".{step}" if text else step
            case _:
                text += f'["{step}"]'
    return text
