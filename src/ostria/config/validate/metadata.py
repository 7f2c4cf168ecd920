"""What every object has in common: a name, a namespace, labels and annotations."""

from collections.abc import Iterator
from datetime import datetime

from ostria.api.kinds import BY_TYPE
from ostria.api.kubernetes.ip_address import IPAddress
from ostria.api.kubernetes.namespace import Namespace
from ostria.api.kubernetes.service import Service
from ostria.api.meta import ObjectMeta, Resource
from ostria.api.networking.gateway import Gateway
from ostria.api.problem import Issue
from ostria.api.security.authorization_policy import AuthorizationPolicy
from ostria.config.validate.names import is_ip, is_label, is_subdomain, label_issues

_LABEL_NAMES = (Namespace, Service, Gateway)
_ANNOTATIONS_LIMIT = 256 * 1024
_DRY_RUN = "istio.io/dry-run"
_TRUTHS = frozenset(("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"))


def metadata_issues(resource: Resource) -> Iterator[Issue]:
    meta = resource.metadata
    yield from _name(resource)
    if BY_TYPE[type(resource)].namespaced and not is_label(meta.namespace):
        yield Issue(
            ("metadata", "namespace"), f"{meta.namespace!r} is not a namespace", "lower case letters, digits and dashes, 63 at most"
        )
    yield from label_issues(meta.labels, ("metadata", "labels"))
    yield from _annotations(meta)
    yield from _dry_run(resource)
    if meta.creation_timestamp and not _is_time(meta.creation_timestamp):
        yield Issue(("metadata", "creationTimestamp"), f"{meta.creation_timestamp!r} is not a time", "write it as 2026-01-31T12:00:00Z")


def _name(resource: Resource) -> Iterator[Issue]:
    name = resource.metadata.name
    if not name:
        yield Issue(("metadata",), "the object has no name", "add name: … under metadata")
    elif isinstance(resource, IPAddress):
        if not is_ip(name):
            yield Issue(("metadata", "name"), f"{name!r} is not an IP address")
    elif isinstance(resource, _LABEL_NAMES):
        if not is_label(name):
            yield Issue(
                ("metadata", "name"), f"{name!r} is not a name for a {resource.kind}", "lower case letters, digits and dashes, 63 at most"
            )
    elif not is_subdomain(name):
        yield Issue(("metadata", "name"), f"{name!r} is not a name", "lower case letters, digits, dashes and dots, 253 at most")


def _annotations(meta: ObjectMeta) -> Iterator[Issue]:
    if sum(len(k) + len(v) for k, v in meta.annotations.items()) > _ANNOTATIONS_LIMIT:
        yield Issue(("metadata", "annotations"), "the annotations are larger than 256 KiB")
    yield from label_issues(dict.fromkeys((k.lower() for k in meta.annotations), ""), ("metadata", "annotations"))


def _dry_run(resource: Resource) -> Iterator[Issue]:
    """A policy that was meant to be tried out must not be enforced because of a typing mistake, nor the other way round."""
    value = resource.metadata.annotations.get(_DRY_RUN)
    if value is None:
        return
    path = ("metadata", "annotations", _DRY_RUN)
    if not isinstance(resource, AuthorizationPolicy):
        yield Issue(path, f"{resource.kind} has no dry run", "remove the annotation; AuthorizationPolicy has one")
    elif resource.spec.action not in (None, "ALLOW", "DENY"):
        yield Issue(path, f"there is no dry run of the action {resource.spec.action}", "ALLOW and DENY have one")
    elif value not in _TRUTHS:
        yield Issue(path, f"{value!r} is neither true nor false", 'write "true" or "false"')


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
