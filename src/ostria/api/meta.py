"""The shapes every object shares: metadata, and the two base classes of the API.

`Message` is any nested shape; `Resource` is a whole object. Both decode from the camelCase of the API, refuse unknown fields and are
frozen: an object that has been decoded is never changed, it is replaced.
"""

from typing import Any, NamedTuple, dataclass_transform

from msgspec import Struct, StructMeta, field


class _KeywordOnly(StructMeta):
    """msgspec does not inherit `kw_only`, and without it a required field could not follow an optional one."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> "_KeywordOnly":
        return super().__new__(mcls, name, bases, namespace, **{"kw_only": True, **config})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Message(Struct, metaclass=_KeywordOnly, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True, gc=False):
    """A shape inside an object. An absent optional field is None, an absent list (), an absent map {}."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Tolerant(Message, forbid_unknown_fields=False):
    """A shape that others write (status): fields that Ostria does not know are dropped, because a newer writer must not stop the mesh."""


class OwnerReference(Message):
    api_version: str
    kind: str
    name: str
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Message):
    """Kubernetes object metadata; times are RFC 3339 strings, as written."""

    name: str = ""
    generate_name: str | None = None
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    self_link: str | None = None
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    managed_fields: tuple[dict[str, object], ...] = ()


class Resource(Message):
    """A whole object, as it stands in a YAML document. Compared by identity in keys: see `ostria.snapshot`."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    status: Any = None
    """Written by controllers, read by few: a kind whose status Ostria reads gives it a type, every other keeps what stands there."""


class ObjectKey(NamedTuple):
    """Names one object; `rule` is the index of the rule inside it that something came from, if one is known."""

    kind: str
    namespace: str
    name: str
    rule: int | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"
