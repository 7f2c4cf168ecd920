"""Which workloads an object is for, and to which namespaces it is exported."""

from collections.abc import Iterator, Mapping

from ostria.api.problem import Issue, Path
from ostria.api.selectors import LabelSelector, PolicyTargetReference, WorkloadSelector
from ostria.config.validate.names import is_label, warning


def selector_issues(labels: Mapping[str, str], path: Path) -> Iterator[Issue]:
    """Selectors compare whole labels: a wildcard would select nothing, in silence."""
    for key, value in labels.items():
        if not key:
            yield Issue(path, "a label's key is empty")
        if "*" in key or "*" in value:
            yield Issue((*path, key), "a selector has no wildcards", "write the whole label, or leave the selector out")
        if len(value) > 63:
            yield Issue((*path, key), "no label value is longer than 63 characters")


def match_labels_issues(selector: WorkloadSelector | None, path: Path = ("spec", "selector")) -> Iterator[Issue]:
    if selector is not None:
        yield from selector_issues(selector.match_labels, (*path, "matchLabels"))
        if not selector.match_labels:
            yield warning(path, "the selector names no labels", "it selects every workload of the namespace; leave it out if that is meant")


def labels_issues(selector: LabelSelector | None, path: Path = ("spec", "workloadSelector")) -> Iterator[Issue]:
    if selector is not None:
        yield from selector_issues(selector.labels, (*path, "labels"))
        if not selector.labels:
            yield warning(path, "the selector names no labels", "it selects every workload of the namespace; leave it out if that is meant")


def one_target_issues(
    selector: object, target_ref: PolicyTargetReference | None, target_refs: tuple[PolicyTargetReference, ...]
) -> Iterator[Issue]:
    """selector, targetRef and targetRefs exclude each other."""
    if sum((selector is not None, target_ref is not None, bool(target_refs))) > 1:
        yield Issue(("spec",), "only one of selector, targetRef and targetRefs may be set")


def export_issues(export_to: tuple[str, ...], namespace: str, *, nowhere: bool = False) -> Iterator[Issue]:
    """Namespaces, `.` for the object's own, `*` for all; ServiceEntries also `~` for none (`nowhere`)."""
    path: Path = ("spec", "exportTo")
    seen: set[str] = set()
    for index, entry in enumerate(export_to):
        name = namespace if entry == "." else entry
        if name in seen:
            yield Issue((*path, index), f"{entry!r} is there twice")
        seen.add(name)
        if entry == "~" and not nowhere:
            yield Issue((*path, index), "only a ServiceEntry may be exported to nobody (~)")
        elif entry not in (".", "*", "~") and not is_label(entry):
            yield Issue((*path, index), f"{entry!r} is not a namespace", 'write a namespace, "." for this one or "*" for all')
    for word, meaning in (("*", "everybody"), ("~", "nobody")):
        if word in seen and len(export_to) > 1:
            yield Issue(path, f"{word} exports to {meaning}; nothing may stand beside it")
