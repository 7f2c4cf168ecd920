"""What the rules say about an object that a test writes down: as `{…}` for its `spec`, or as the fields beside `metadata`."""

from ostria.api.kinds import BY_NAME
from ostria.config.loading import load


def said(kind: str, spec: str, metadata: str = "name: a") -> dict[str, str]:
    """Field → `error: …` or `warning: …`; the first thing that is said about each field."""
    body = f"spec: {spec}" if spec.startswith("{") else spec
    text = f"apiVersion: {BY_NAME[kind].api_versions[0]}\nkind: {kind}\nmetadata: {{{metadata}}}\n{body}\n"
    found: dict[str, str] = {}
    for problem in load("a.yaml", text).problems:
        found.setdefault(problem.field, f"{problem.severity}: {problem.message}")
    return found
