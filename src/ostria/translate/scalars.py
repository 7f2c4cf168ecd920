"""Scalars of the API as protobuf has them."""

from google.protobuf.duration_pb2 import Duration as ProtoDuration

from ostria.api.scalars import Duration


def duration(value: Duration | str) -> ProtoDuration:
    """A span of time; text is accepted because some fields of the API hold durations as text. Raise ValueError if it is none."""
    span = Duration.parse(value) if isinstance(value, str) else value
    seconds, nanos = divmod(span.nanos, 1_000_000_000)
    return ProtoDuration(seconds=seconds, nanos=nanos)


def seconds(value: int) -> ProtoDuration:
    return ProtoDuration(seconds=value)
