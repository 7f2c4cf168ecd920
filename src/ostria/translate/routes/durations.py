"""The API's durations as protobuf's."""

from google.protobuf.duration_pb2 import Duration as ProtoDuration

from ostria.api.scalars import Duration

_NANOS = 1_000_000_000


def proto(duration: Duration | None) -> ProtoDuration:
    """None is zero, which Envoy takes for "no limit" wherever this is used."""
    if duration is None:
        return ProtoDuration()
    return ProtoDuration(seconds=duration.nanos // _NANOS, nanos=duration.nanos % _NANOS)
