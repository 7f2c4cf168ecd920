"""Who a gRPC call comes from: by bearer token where the port demands one, nobody in particular on the plaintext port."""

import logging
import time
from collections.abc import Callable
from typing import Any

import grpc

from ostria.discovery.metrics import Metrics
from ostria.discovery.server.refusal import Refused
from ostria.identity.caller import Authenticator, Caller, Credentials, Unauthenticated

log = logging.getLogger(__name__)

Authenticate = Callable[[Any], Caller | None]
"""From the context of a call to its caller; raise Refused."""


def nobody(_: Any) -> Caller | None:
    """The plaintext port, on loopback: what the node says is believed, and no secret is served."""
    return None


def by_token(authenticator: Authenticator, metrics: Metrics) -> Callable[[Any], Caller]:
    def authenticate(context: Any) -> Caller:
        try:
            return authenticator.authenticate(credentials(context), time.time())
        except Unauthenticated as problem:
            metrics.authentication_failures.inc()
            log.warning("a call from %s is not authenticated: %s", context.peer(), problem)
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "authentication failure", "unauthenticated") from problem

    return authenticate


def credentials(context: Any) -> Credentials:
    metadata = {key.lower(): value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    return Credentials(metadata=metadata, peer=context.peer())
