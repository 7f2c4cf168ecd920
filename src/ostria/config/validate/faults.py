"""Injected faults."""

from collections.abc import Iterator

from ostria.api.networking.virtual_service import Abort, Delay, HTTPFaultInjection, Percent
from ostria.api.problem import Issue
from ostria.config.validate.names import duration_issues, under, warning

_GRPC_STATUSES = frozenset(
    [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    ]
)


def fault_issues(fault: HTTPFaultInjection | None) -> Iterator[Issue]:
    if fault is None:
        return
    if fault.abort is None and fault.delay is None:
        yield Issue((), "the fault is empty", "set abort, delay or both")
    if fault.abort is not None:
        yield from under(("abort",), _abort(fault.abort))
    if fault.delay is not None:
        yield from under(("delay",), _delay(fault.delay))


def _abort(abort: Abort) -> Iterator[Issue]:
    yield from _percentage(abort.percentage)
    given = [
        n
        for n, v in (("httpStatus", abort.http_status), ("grpcStatus", abort.grpc_status), ("http2Error", abort.http2_error))
        if v is not None
    ]
    if len(given) > 1:
        yield Issue((given[1],), f"only one of {' and '.join(given)} may be set")
    if not given:
        yield warning((), "the abort has no status and does nothing", "set httpStatus or grpcStatus")
    if abort.http_status is not None and not 200 <= abort.http_status <= 599:
        yield Issue(("httpStatus",), f"{abort.http_status} is not a status", "write a number from 200 to 599")
    if abort.grpc_status is not None and abort.grpc_status not in _GRPC_STATUSES:
        yield Issue(("grpcStatus",), f"{abort.grpc_status!r} is not a gRPC status", "write its name, such as NOT_FOUND or UNAVAILABLE")


def _delay(delay: Delay) -> Iterator[Issue]:
    yield from _percentage(delay.percentage)
    if delay.percent is not None and not 0 <= delay.percent <= 100:
        yield Issue(("percent",), f"{delay.percent} is not a percentage", "write percentage: {value: …} with a number from 0 to 100")
    yield from duration_issues(delay.fixed_delay, ("fixedDelay",))
    if delay.fixed_delay is None and delay.exponential_delay is None:
        yield warning((), "the delay has no duration and does nothing", "set fixedDelay")


def _percentage(percent: Percent | None) -> Iterator[Issue]:
    value = (percent.value or 0) if percent is not None else 0
    if not 0 <= value <= 100 or 0 < value < 0.0001:
        yield Issue(("percentage", "value"), f"{value} is not a percentage", "write 0, or a number from 0.0001 to 100")
