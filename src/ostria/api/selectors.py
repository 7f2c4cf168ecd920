"""Shared shapes."""

from ostria.api.meta import Message


class WorkloadSelector(Message):
    match_labels: dict[str, str] = {}


class PolicyTargetReference(Message):
    group: str | None = None
    kind: str
    name: str
    namespace: str | None = None


class LabelSelector(Message):
    labels: dict[str, str] = {}
