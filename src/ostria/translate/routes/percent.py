"""Shares of requests."""

from envoy.config.core.v3 import base_pb2
from envoy.type.v3 import percent_pb2

from ostria.api.networking.virtual_service import Percent

_FRACTION = percent_pb2.FractionalPercent


def fraction(percent: Percent) -> percent_pb2.FractionalPercent:
    """Percent with up to four digits behind the point; further ones are cut off, as Istio does."""
    # Rounding first keeps 0.07 from becoming 699 millionths: binary fractions fall just short.
    return _FRACTION(numerator=int(round((percent.value or 0) * 10_000, 6)), denominator=_FRACTION.MILLION)


def whole(percent: int) -> percent_pb2.FractionalPercent:
    return _FRACTION(numerator=percent, denominator=_FRACTION.HUNDRED)


def runtime(share: percent_pb2.FractionalPercent) -> base_pb2.RuntimeFractionalPercent:
    return base_pb2.RuntimeFractionalPercent(default_value=share)
