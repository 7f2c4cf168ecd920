"""Plain data to typed objects: fast when the data is right, and with every mistake named when it is not."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar

import msgspec

from ostria.api.check import mend
from ostria.api.kinds import BY_API, BY_NAME, KINDS_WITHOUT_MEANING, REFUSED_KINDS, Kind
from ostria.api.meta import Message, ObjectKey, Resource
from ostria.api.problem import Issue, Path, Severity
from ostria.api.scalars import Duration

M = TypeVar("M", bound=Message)


class Decoded(NamedTuple):
    """One object of a document. `prefix` is its path in the document (an item of a List has one); `resource` is None when it was refused."""

    resource: Resource | None
    prefix: Path = ()
    issues: tuple[Issue, ...] = ()
    key: ObjectKey | None = None
    """As far as it could be read."""
    foreign: bool = False
    """Of a kind that is known, and that is not read."""


def from_text(shape: type, value: Any) -> Any:
    """msgspec's hook for the types it does not know."""
    if isinstance(value, shape):
        return value
    if shape is Duration and isinstance(value, str):
        return Duration.parse(value)
    raise ValueError(f"expected a {shape.__name__.lower()}")


def message(data: Any, shape: type[M]) -> tuple[M | None, list[Issue]]:
    """A message that is not a whole object: mesh configuration, an annotation's content, settings."""
    try:
        return msgspec.convert(data, shape, dec_hook=from_text), []
    except msgspec.ValidationError as error:
        mended, issues = mend(data, shape)
        if issues:
            return None, issues
        return _converted(mended, shape, error)


def _converted(mended: Any, shape: type[M], first: Exception) -> tuple[M | None, list[Issue]]:
    try:
        return msgspec.convert(mended, shape, dec_hook=from_text), []
    except msgspec.ValidationError:
        return None, [Issue((), str(first))]


def objects(data: Any, prefix: Path = ()) -> Iterator[Decoded]:
    """The objects in one document: one, or those of a `List`."""
    if data is None:
        return
    if not isinstance(data, dict):
        yield Decoded(
            None, prefix, (Issue(prefix, "an object is a mapping with apiVersion, kind and metadata", "is this a Kubernetes file?"),)
        )
        return
    if isinstance(data.get("items"), list) and str(data.get("kind", "")).endswith("List"):
        for index, item in enumerate(data["items"]):
            yield from objects(item, (*prefix, "items", index))
        return
    yield _object(data, prefix)


def _object(data: dict[str, Any], prefix: Path) -> Decoded:
    api_version, kind_name = data.get("apiVersion"), data.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind_name, str) or not api_version or not kind_name:
        missing = [name for name, value in (("apiVersion", api_version), ("kind", kind_name)) if not isinstance(value, str) or not value]
        return Decoded(None, prefix, tuple(Issue(prefix, f"the field {name!r} is missing", f"add {name}: …") for name in missing))
    kind = BY_API.get((api_version, kind_name))
    key = _key(data, kind_name, kind)
    if kind is None:
        group = api_version.rpartition("/")[0]
        foreign = (group, kind_name) in REFUSED_KINDS or (group, kind_name) in KINDS_WITHOUT_MEANING
        return Decoded(None, prefix, (_unknown(api_version, kind_name, prefix),), key, foreign)
    resource, issues = message(data, kind.type)
    return Decoded(resource, prefix, tuple(i._replace(path=prefix + i.path) for i in issues), key)


def _key(data: dict[str, Any], kind_name: str, kind: Kind | None) -> ObjectKey:
    metadata = data.get("metadata")
    name, namespace = (metadata.get("name"), metadata.get("namespace")) if isinstance(metadata, dict) else (None, None)
    namespaced = kind is None or kind.namespaced
    return ObjectKey(kind_name, namespace if namespaced and isinstance(namespace, str) else "", name if isinstance(name, str) else "")


def _unknown(api_version: str, kind_name: str, prefix: Path) -> Issue:
    """Why an object of this kind is not taken."""
    group = api_version.rpartition("/")[0]
    if (group, kind_name) in REFUSED_KINDS:
        return Issue((*prefix, "kind"), f"{kind_name} ({api_version}) is not supported", REFUSED_KINDS[group, kind_name])
    if (group, kind_name) in KINDS_WITHOUT_MEANING:
        return Issue((*prefix, "kind"), f"{kind_name} has no meaning without a cluster and is skipped", severity=Severity.WARNING)
    kind = BY_NAME.get(kind_name)
    if kind is not None:
        return Issue((*prefix, "apiVersion"), f"{kind_name} is not served as {api_version}", f"write {' or '.join(kind.api_versions)}")
    close = get_close_matches(kind_name, BY_NAME, n=1)
    hint = (
        f"did you mean {close[0]} ({BY_NAME[close[0]].api_versions[0]})?"
        if close
        else "Ostria reads Istio's kinds and the Kubernetes kinds of workloads"
    )
    return Issue((*prefix, "kind"), f"unknown kind {kind_name} ({api_version})", hint)
