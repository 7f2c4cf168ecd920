"""MERGE: a patch's value laid over a resource, as Istio does it.

What protobuf's own merge does, with two differences: durations and wrapped scalars are replaced whole (merging them would mix seconds of one with
nanoseconds of the other), and extension configurations of one type are merged inside their `Any`.
"""

from google.protobuf import descriptor_pool
from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ostria.translate.filters.proto import pack

_WHOLE = frozenset(
    f"google.protobuf.{name}"
    for name in ("Duration", "Timestamp", "Any", "BoolValue", "UInt32Value", "Int32Value", "UInt64Value", "Int64Value", "DoubleValue")
) | {"google.protobuf.FloatValue", "google.protobuf.StringValue", "google.protobuf.BytesValue"}


def merge(target: Message, patch: Message, *, replace_lists: bool = False) -> None:
    """Lay `patch` over `target`: messages go on field by field, lists grow (or are replaced), map entries are replaced."""
    for field, value in patch.ListFields():
        if _is_map(field):
            target.MergeFrom(_only(patch, field))
        elif field.is_repeated:
            if replace_lists:
                target.ClearField(field.name)
            getattr(target, field.name).extend(value)
        elif field.message_type is None:
            setattr(target, field.name, value)
        elif field.message_type.full_name in _WHOLE:
            getattr(target, field.name).CopyFrom(value)
        else:
            getattr(target, field.name).SetInParent()
            merge(getattr(target, field.name), value, replace_lists=replace_lists)


def merge_any(target: Any, patch: Any) -> None:
    """Merge inside two extension configurations. Raise ValueError if they are of different types: one can't be laid over the other."""
    if target.type_url != patch.type_url:
        raise ValueError(f"a {patch.type_url.rpartition('/')[2]} cannot be merged into a {target.type_url.rpartition('/')[2]}")
    inner, outer = unpack(patch), unpack(target)
    merge(outer, inner)
    target.CopyFrom(pack(outer))


def unpack(packed: Any) -> Message:
    descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.type_url.rpartition("/")[2])
    message = GetMessageClass(descriptor)()
    packed.Unpack(message)
    return message


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _only(message: Message, field: FieldDescriptor) -> Message:
    """A message with one field of `message` alone."""
    single = type(message)()
    single.CopyFrom(message)
    for other, _ in message.ListFields():
        if other.name != field.name:
            single.ClearField(other.name)
    return single
