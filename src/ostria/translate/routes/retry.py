"""Retry policies. Unless told otherwise a proxy tries twice more, elsewhere, where the request can't have been worked on yet."""

from http import HTTPStatus

from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2 import PreviousPrioritiesConfig
from google.protobuf.wrappers_pb2 import UInt32Value

from ostria.api.networking.virtual_service import HTTPRetry
from ostria.translate.filters.proto import pack
from ostria.translate.scalars import duration

DEFAULT_CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled"
DEFAULT_ATTEMPTS = 2
_BY_STATUS = "retriable-status-codes"
_STATUSES = frozenset(int(s) for s in HTTPStatus)
_HOST_SELECTION_ATTEMPTS = 5
_PRIORITY_UPDATE_FREQUENCY = 2


def retry_policy(wanted: HTTPRetry | None, *, consistent_hash: bool) -> route_pb.RetryPolicy | None:
    """None: no retries. With consistent hashing a retry goes to the same endpoint, for that is what the hash is for."""
    if wanted is None:
        wanted = HTTPRetry(attempts=DEFAULT_ATTEMPTS)
    if (wanted.attempts or 0) <= 0:
        return None
    conditions, statuses = _conditions(wanted.retry_on)
    out = route_pb.RetryPolicy(
        retry_on=conditions,
        retriable_status_codes=statuses,
        num_retries=UInt32Value(value=wanted.attempts or 0),
        host_selection_retry_max_attempts=_HOST_SELECTION_ATTEMPTS,
    )
    elsewhere = not consistent_hash if wanted.retry_ignore_previous_hosts is None else wanted.retry_ignore_previous_hosts
    if elsewhere:
        out.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(PreviousHostsPredicate()))
    if wanted.retry_remote_localities:
        out.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        out.retry_priority.typed_config.CopyFrom(pack(PreviousPrioritiesConfig(update_frequency=_PRIORITY_UPDATE_FREQUENCY)))
    if wanted.per_try_timeout is not None:
        out.per_try_timeout.CopyFrom(duration(wanted.per_try_timeout))
    # Envoy refuses a back-off of zero.
    if wanted.backoff is not None and wanted.backoff.nanos > 0:
        out.retry_back_off.base_interval.CopyFrom(duration(wanted.backoff))
    return out


def _conditions(retry_on: str | None) -> tuple[str, list[int]]:
    """`503,reset` → (`reset,retriable-status-codes`, [503]): status codes stand among Envoy's conditions."""
    if not retry_on:
        return DEFAULT_CONDITIONS, []
    parts = [p for part in retry_on.split(",") if (p := part.strip())]
    statuses = [int(p) for p in parts if _is_status(p)]
    names = [p for p in parts if not _is_status(p)]
    if statuses and _BY_STATUS not in names:
        names.append(_BY_STATUS)
    return ",".join(names), statuses


def _is_status(part: str) -> bool:
    return part.isascii() and part.isdigit() and int(part) in _STATUSES
