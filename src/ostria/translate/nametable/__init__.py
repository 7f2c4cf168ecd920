"""The name table: what an agent's DNS answers for the hosts of its view, as Istio's NDS carries it.

No package has the message `istio.networking.nds.v1.NameTable`, so its descriptor is written here, in a pool of its own: another package that brings
the real one later does not clash.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ostria.snapshot.name_table import Name
from ostria.translate.built import Built

PACKAGE = "istio.networking.nds.v1"
NAME = "nametable"
"""The one resource of its type."""


def build(names: Iterable[Name]) -> Built:
    table: Any = message_class()()
    for name in names:
        entry = table.table[name.host]
        entry.ips.extend(name.addresses)
        entry.registry, entry.shortname, entry.namespace = name.registry, name.shortname, name.namespace
    return Built(NAME, table)


@cache
def message_class() -> type[Message]:
    """NameTable: `map<string, NameInfo> table = 1`."""
    file = FileDescriptorProto(name="ostria/nds.proto", package=PACKAGE, syntax="proto3")
    table = file.message_type.add(name="NameTable")
    table.field.append(_field("table", 1, f".{PACKAGE}.NameTable.TableEntry", repeated=True))
    _describe(table.nested_type.add(name="NameInfo"))
    entry = table.nested_type.add(name="TableEntry")
    entry.options.map_entry = True
    entry.field.append(_field("key", 1))
    entry.field.append(_field("value", 2, f".{PACKAGE}.NameTable.NameInfo"))
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.NameTable"))


def _describe(info: DescriptorProto) -> None:
    info.field.append(_field("ips", 1, repeated=True))
    for number, name in enumerate(("registry", "shortname", "namespace"), start=2):
        info.field.append(_field(name, number))


def _field(name: str, number: int, message: str = "", *, repeated: bool = False) -> FieldDescriptorProto:
    field = FieldDescriptorProto(name=name, number=number)
    field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    field.type = FieldDescriptorProto.TYPE_MESSAGE if message else FieldDescriptorProto.TYPE_STRING
    if message:
        field.type_name = message
    return field
