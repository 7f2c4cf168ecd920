"""Ways in which one Kubernetes object names another."""

from ostria.api.meta import Message


class LocalObjectReference(Message):
    name: str = ""


class ObjectReference(Message):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class KeySelector(Message):
    """One key of a ConfigMap or a Secret."""

    name: str = ""
    key: str
    optional: bool = False


class FieldReference(Message):
    """A field of the pod itself: `metadata.name`, `status.podIP`."""

    api_version: str = "v1"
    field_path: str


class ResourceFieldReference(Message):
    container_name: str = ""
    resource: str
    divisor: str | int | float | None = None
