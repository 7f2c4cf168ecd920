"""Injected faults: delays and aborts for a share of a route's requests."""

from envoy.extensions.filters.common.fault.v3 import fault_pb2 as delay_pb
from envoy.extensions.filters.http.fault.v3 import fault_pb2

from ostria.api.networking.virtual_service import Abort, Delay, HTTPFaultInjection
from ostria.translate.routes.percent import fraction, whole
from ostria.translate.scalars import duration

FILTER = "envoy.filters.http.fault"
GRPC_STATUSES = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}


def http_fault(fault: HTTPFaultInjection) -> fault_pb2.HTTPFault | None:
    """None when nothing of it has an effect. Without a percentage no request is touched."""
    delay = _delay(fault.delay) if fault.delay else None
    abort = _abort(fault.abort) if fault.abort else None
    if delay is None and abort is None:
        return None
    return fault_pb2.HTTPFault(delay=delay, abort=abort)


def _delay(delay: Delay) -> delay_pb.FaultDelay | None:
    if delay.fixed_delay is None:
        return None
    share = fraction(delay.percentage) if delay.percentage else whole(delay.percent or 0)
    return delay_pb.FaultDelay(fixed_delay=duration(delay.fixed_delay), percentage=share)


def _abort(abort: Abort) -> fault_pb2.FaultAbort | None:
    share = fraction(abort.percentage) if abort.percentage else None
    if abort.http_status is not None:
        return fault_pb2.FaultAbort(http_status=abort.http_status, percentage=share)
    status = GRPC_STATUSES.get(abort.grpc_status or "")
    return fault_pb2.FaultAbort(grpc_status=status, percentage=share) if status is not None else None
