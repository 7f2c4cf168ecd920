"""Which pods there should be, worked out from the objects that ask for them and the pods that there are; pure functions.

Names look like Kubernetes' (`reviews-v1-6f9d5c7b4-x2k4q`) but are made from hashes, not drawn: the same files give the same names and so the same addresses.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from msgspec import json, structs, to_builtins

from ostria.api.encode import builtin
from ostria.api.kubernetes.daemon_set import DaemonSet
from ostria.api.kubernetes.deployment import Deployment
from ostria.api.kubernetes.job import Job
from ostria.api.kubernetes.pod import Pod, PodTemplateSpec
from ostria.api.kubernetes.stateful_set import StatefulSet
from ostria.api.meta import ObjectKey

Owner = Deployment | StatefulSet | DaemonSet | Job | Pod
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
POD_HASH = "pod-template-hash"
REVISION = "controller-revision-hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """A pod as it should be. Two plans with the same name and version are the same pod."""

    namespace: str
    name: str
    template: PodTemplateSpec
    owner: ObjectKey
    version: str
    ordinal: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def workload(self) -> str:
        return self.owner.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A pod as it is. `finished` says how a pod that does not start again ended: True for success."""

    plan: PodPlan
    ready: bool
    finished: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    start: tuple[PodPlan, ...] = ()
    stop: tuple[tuple[str, str], ...] = ()


def decide(owner: Owner, existing: Sequence[Existing]) -> Decision:
    """What has to happen next for one owner; `existing` are its own pods, those that are stopping left out."""
    match owner:
        case Deployment():
            return _deployment(owner, existing)
        case StatefulSet():
            return _stateful_set(owner, existing)
        case DaemonSet():
            return _replaced(existing, [_named(owner, owner.spec.template, REVISION, 0)])
        case Job():
            return _job(owner, existing)
        case Pod():
            return _replaced(existing, [_bare(owner)])


def safe(data: bytes, length: int) -> str:
    number = int.from_bytes(blake2b(data, digest_size=8).digest())
    return "".join(_LETTERS[number // len(_LETTERS) ** i % len(_LETTERS)] for i in range(length))


def template_hash(template: PodTemplateSpec) -> str:
    return safe(json.encode(to_builtins(template, enc_hook=builtin), order="deterministic"), 9)


def _key(owner: Owner) -> ObjectKey:
    return ObjectKey(owner.kind, owner.metadata.namespace, owner.metadata.name)


def _with_labels(template: PodTemplateSpec, labels: dict[str, str]) -> PodTemplateSpec:
    return structs.replace(template, metadata=structs.replace(template.metadata, labels=template.metadata.labels | labels))


def _named(owner: Deployment | DaemonSet | Job, template: PodTemplateSpec, label: str, index: int) -> PodPlan:
    """The `index`-th pod of this version of the owner's template."""
    version = template_hash(template)
    stem = f"{owner.metadata.name}-{version}" if label == POD_HASH else owner.metadata.name
    suffix = safe(f"{owner.metadata.namespace}/{stem}/{version}/{index}".encode(), 5)
    labelled = _with_labels(template, {label: version} if label else {})
    name = f"{stem[: 63 - 6]}-{suffix}"
    return PodPlan(namespace=owner.metadata.namespace, name=name, template=labelled, owner=_key(owner), version=version, ordinal=index)


def _deployment(owner: Deployment, existing: Sequence[Existing]) -> Decision:
    wanted = [_named(owner, owner.spec.template, POD_HASH, index) for index in range(owner.spec.replicas)]
    names = {plan.name for plan in wanted}
    old = [e for e in existing if e.plan.name not in names]
    missing = [plan for plan in wanted if plan.name not in {e.plan.name for e in existing}]
    if owner.spec.paused and existing:
        return Decision()
    previous = [e for e in old if e.plan.version != (wanted[0].version if wanted else "")]
    surplus = [e for e in old if e not in previous]
    if not wanted or not previous or owner.spec.strategy.get("type") == "Recreate":
        waiting = previous and owner.spec.strategy.get("type") == "Recreate"
        return Decision(start=() if waiting else tuple(missing), stop=tuple(e.plan.key for e in old))
    return _roll(owner, existing, missing, previous, surplus)


def _roll(
    owner: Deployment, existing: Sequence[Existing], missing: list[PodPlan], previous: list[Existing], surplus: list[Existing]
) -> Decision:
    """Start new pods as far as maxSurge allows, stop old ones as far as maxUnavailable does; those that are not ready go first."""
    replicas = owner.spec.replicas
    rolling: dict[str, Any] = owner.spec.strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    start = missing[: max(0, replicas + surge - len(existing))]
    ready = sum(e.ready for e in existing)
    stop = [e for e in previous if not e.ready]
    may_go = max(0, ready - (replicas - unavailable))
    stop += [e for e in previous if e.ready][:may_go]
    return Decision(start=tuple(start), stop=tuple(e.plan.key for e in [*stop, *surplus]))


def _share(value: object, replicas: int, *, up: bool) -> int:
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    share = int(text[:-1]) * replicas / 100
    return math.ceil(share) if up else math.floor(share)


def _stateful_set(owner: StatefulSet, existing: Sequence[Existing]) -> Decision:
    first = owner.spec.ordinals.start if owner.spec.ordinals else 0
    version = template_hash(owner.spec.template)
    wanted = []
    for index in range(first, first + owner.spec.replicas):
        name = f"{owner.metadata.name}-{index}"
        labels = {REVISION: version, "statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(index)}
        template = _with_labels(owner.spec.template, labels)
        template = structs.replace(
            template, spec=structs.replace(template.spec, hostname=template.spec.hostname or name, subdomain=owner.spec.service_name)
        )
        wanted.append(
            PodPlan(namespace=owner.metadata.namespace, name=name, template=template, owner=_key(owner), version=version, ordinal=index)
        )
    if owner.spec.pod_management_policy == "Parallel":
        return _replaced(existing, wanted)
    return _in_order(existing, wanted)


def _in_order(existing: Sequence[Existing], wanted: Sequence[PodPlan]) -> Decision:
    """One at a time: up from the lowest, down and through an update from the highest."""
    by_name = {e.plan.name: e for e in existing}
    names = {plan.name for plan in wanted}
    for entry in sorted((e for e in existing if e.plan.name not in names), key=lambda e: -e.plan.ordinal):
        return Decision(stop=(entry.plan.key,))
    for plan in wanted:
        found = by_name.get(plan.name)
        if found is None:
            return Decision(start=(plan,))
        if not found.ready and found.plan.version == plan.version:
            return Decision()
    stale = [plan for plan in wanted if by_name[plan.name].plan.version != plan.version]
    return Decision(stop=(stale[-1].key,)) if stale else Decision()


def _job(owner: Job, existing: Sequence[Existing]) -> Decision:
    if owner.spec.suspend:
        return Decision(stop=tuple(e.plan.key for e in existing if e.finished is None))
    completions = owner.spec.completions or owner.spec.parallelism
    succeeded = sum(e.finished is True for e in existing)
    failed = sum(e.finished is False for e in existing)
    running = [e for e in existing if e.finished is None]
    if succeeded >= completions or failed > owner.spec.backoff_limit:
        return Decision(stop=tuple(e.plan.key for e in running))
    count = min(owner.spec.parallelism, completions - succeeded) - len(running)
    labels = {"job-name": owner.metadata.name, "batch.kubernetes.io/job-name": owner.metadata.name}
    template = _with_labels(owner.spec.template, labels)
    return Decision(start=tuple(_named(owner, template, "", len(existing) + index) for index in range(max(0, count))))


def _bare(owner: Pod) -> PodPlan:
    template = PodTemplateSpec(metadata=owner.metadata, spec=owner.spec)
    meta = owner.metadata
    return PodPlan(namespace=meta.namespace, name=meta.name, template=template, owner=_key(owner), version=template_hash(template))


def _replaced(existing: Iterable[Existing], wanted: Sequence[PodPlan]) -> Decision:
    """Every pod whose version is another is stopped first, and started under its name when it is gone."""
    current = {(e.plan.name, e.plan.version) for e in existing}
    present = {e.plan.name for e in existing}
    keep = {(plan.name, plan.version) for plan in wanted}
    stop = tuple(e.plan.key for e in existing if (e.plan.name, e.plan.version) not in keep)
    return Decision(
        start=tuple(plan for plan in wanted if plan.name not in present and (plan.name, plan.version) not in current), stop=stop
    )
