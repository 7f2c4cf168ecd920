"""Protobuf as every filter writes it: messages packed deterministically, because plain packing differs between processes."""

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value


def pack(message: Message) -> Any:
    packed = Any()
    packed.Pack(message, deterministic=True)
    return packed


def flag(value: bool) -> BoolValue:
    return BoolValue(value=value)


def number(value: int) -> UInt32Value:
    return UInt32Value(value=value)


def nanoseconds(nanos: int) -> Duration:
    seconds, rest = divmod(nanos, 1_000_000_000)
    return Duration(seconds=seconds, nanos=rest)
