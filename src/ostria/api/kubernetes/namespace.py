"""Namespace: its labels decide about injection."""

from msgspec import field

from ostria.api.meta import Message, Resource


class NamespaceSpec(Message):
    finalizers: tuple[str, ...] = ()


class Namespace(Resource):
    spec: NamespaceSpec = field(default_factory=NamespaceSpec)
