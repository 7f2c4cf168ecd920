"""A container's environment variables and where their values come from."""

from typing import Any

from ostria.api.kubernetes.references import FieldReference, KeySelector, ResourceFieldReference
from ostria.api.meta import Message


class EnvVarSource(Message):
    field_ref: FieldReference | None = None
    resource_field_ref: ResourceFieldReference | None = None
    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None
    file_key_ref: dict[str, Any] | None = None


class EnvVar(Message):
    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None


class EnvSource(Message):
    name: str = ""
    optional: bool = False


class EnvFromSource(Message):
    """Every key of a ConfigMap or Secret, each with `prefix` before its name."""

    prefix: str = ""
    config_map_ref: EnvSource | None = None
    secret_ref: EnvSource | None = None
