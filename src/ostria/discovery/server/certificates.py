"""`CreateCertificate` over gRPC: the caller's identity, the caller's key, nothing else. What goes wrong is told to the log, not to the caller."""

import logging
import time
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from ostria.discovery.metrics import Metrics
from ostria.discovery.server.refusal import Refused
from ostria.identity import messages
from ostria.identity.authority import Authority, CertificateRefused
from ostria.identity.caller import Caller

log = logging.getLogger(__name__)


class CertificateService:
    """`authority` is asked at every call, so that a plugged-in one can change."""

    def __init__(self, authority: Callable[[], Authority], authenticate: Callable[[Any], Caller], metrics: Metrics) -> None:
        self._authority, self._authenticate, self._metrics = authority, authenticate, metrics

    def handlers(self) -> grpc.GenericRpcHandler:
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"CreateCertificate": grpc.unary_unary_rpc_method_handler(self.create)}
        return grpc.method_handlers_generic_handler(messages.SERVICE, methods)

    async def create(self, raw: bytes, context: Any) -> bytes:
        self._metrics.csrs.inc()
        try:
            return messages.encode_response(self._sign(raw, self._authenticate(context)))
        except Refused as refused:
            await context.abort(refused.status, refused.text)
        except (CertificateRefused, DecodeError) as problem:
            self._metrics.signing_failures.inc()
            log.warning("a certificate request from %s is refused: %s", context.peer(), problem)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the certificate request is refused")
        raise AssertionError("abort does not return")

    def _sign(self, raw: bytes, caller: Caller) -> tuple[str, ...]:
        request = messages.decode_request(raw)
        chain = self._authority().sign_request(request.csr, caller.identity, request.validity, time.time())
        self._metrics.issued.inc()
        log.info("a certificate for %s (pod %s)", caller.identity, caller.pod or "unknown")
        return chain
