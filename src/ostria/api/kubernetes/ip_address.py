"""IPAddress: a virtual address that belongs to a Service; its name is the address."""

from ostria.api.meta import Message, Resource


class ParentReference(Message):
    group: str = ""
    resource: str
    namespace: str = ""
    name: str


class IPAddressSpec(Message):
    parent_ref: ParentReference


class IPAddress(Resource):
    spec: IPAddressSpec
