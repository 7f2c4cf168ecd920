"""The secret discovery service for the Envoy next door: `default` (key and chain) and `ROOTCA`, pushed again whenever the certificate rotates.

Certificates in files that rules name are read for it (`file_secrets`). Any other name is answered as absent: nothing else is here to be had. Streams are state machines (`SecretStream`); gRPC is in `serve`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import grpc
import grpc.aio
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any as Packed

from ostria.agent.certificates import Certificates
from ostria.agent.file_secrets import file_secret
from ostria.agent.keys import Identity
from ostria.translate.names import ROOT_CERTIFICATE, SDS, WORKLOAD_CERTIFICATE

SERVICE: Final = "envoy.service.secret.v3.SecretDiscoveryService"
_MAX_NAMES: Final = 64

Request = TypeVar("Request", contravariant=True)
Response = TypeVar("Response", covariant=True)


def secrets(identity: Identity) -> Mapping[str, Secret]:
    own = Secret(name=WORKLOAD_CERTIFICATE)
    own.tls_certificate.certificate_chain.inline_bytes = identity.chain
    own.tls_certificate.private_key.inline_bytes = identity.key
    root = Secret(name=ROOT_CERTIFICATE)
    root.validation_context.trusted_ca.inline_bytes = identity.root
    return {WORKLOAD_CERTIFICATE: own, ROOT_CERTIFICATE: root}


def find(name: str, held: Mapping[str, Secret]) -> Secret | None:
    return held.get(name) or file_secret(name)


class SecretStream(Protocol[Request, Response]):
    """One stream: `request` takes in what Envoy says, `response` gives what it should hear next, if anything."""

    def request(self, request: Request) -> None: ...
    def response(self, identity: Identity, version: int) -> Response | None: ...


@dataclass(slots=True)
class StateOfTheWorld:
    """Answers a new set of names, and every rotation; an acknowledgement is a request for what was sent already."""

    names: tuple[str, ...] = ()
    nonce: int = 0
    sent: tuple[tuple[str, ...], int] = ((), 0)

    def request(self, request: DiscoveryRequest) -> None:
        if request.response_nonce and request.response_nonce != str(self.nonce):
            return
        self.names = tuple(request.resource_names)[:_MAX_NAMES]

    def response(self, identity: Identity, version: int) -> DiscoveryResponse | None:
        if not self.names or self.sent == (self.names, version):
            return None
        self.sent, self.nonce = (self.names, version), self.nonce + 1
        held = secrets(identity)
        found = [secret for name in self.names if (secret := find(name, held)) is not None]
        return DiscoveryResponse(
            type_url=SDS, version_info=str(version), nonce=str(self.nonce), resources=[_packed(secret) for secret in found]
        )


@dataclass(slots=True)
class Delta:
    """Sends a name when it is subscribed to and at every rotation; names that do not exist are removed."""

    names: dict[str, int] = field(default_factory=dict)
    """Subscribed name → version sent, 0 for none."""
    nonce: int = 0

    def request(self, request: DeltaDiscoveryRequest) -> None:
        for name in request.resource_names_unsubscribe:
            self.names.pop(name, None)
        for name in request.resource_names_subscribe:
            if len(self.names) < _MAX_NAMES:
                self.names[name] = 0

    def response(self, identity: Identity, version: int) -> DeltaDiscoveryResponse | None:
        due = [name for name, sent in self.names.items() if sent < version]
        if not due:
            return None
        self.nonce += 1
        held = secrets(identity)
        found = DeltaDiscoveryResponse(type_url=SDS, system_version_info=str(version), nonce=str(self.nonce))
        for name in due:
            self.names[name] = version
            if (secret := find(name, held)) is not None:
                found.resources.add(name=name, version=str(version)).resource.CopyFrom(_packed(secret))
            else:
                found.removed_resources.append(name)
        return found


def _packed(secret: Secret) -> Packed:
    packed = Packed()
    packed.Pack(secret, deterministic=True)
    return packed


async def serve(stream: SecretStream[Any, Any], requests: AsyncIterator[Any], certificates: Certificates) -> AsyncIterator[Any]:
    """Joins the two things that make a stream speak: a request and a rotation."""
    reading: asyncio.Future[Any] = asyncio.ensure_future(anext(requests))
    rotation: asyncio.Task[tuple[Identity, int]] = asyncio.create_task(certificates.changed(0))
    known: tuple[Identity, int] | None = None
    try:
        while True:
            await asyncio.wait((reading, rotation), return_when=asyncio.FIRST_COMPLETED)
            if rotation.done():
                known = rotation.result()
                rotation = asyncio.create_task(certificates.changed(known[1]))
            if reading.done():
                if (request := _result(reading)) is None:
                    return
                stream.request(request)
                reading = asyncio.ensure_future(anext(requests))
            if known is not None and (response := stream.response(*known)) is not None:
                yield response
    finally:
        reading.cancel()
        rotation.cancel()


def _result(reading: "asyncio.Future[Any]") -> Any | None:
    """The request, or None where the stream has ended."""
    try:
        return reading.result()
    except StopAsyncIteration:
        return None


def handlers(certificates: Certificates) -> grpc.GenericRpcHandler:
    def stream(make: Callable[[], Any], request: type[Any], response: type[Any]) -> "grpc.RpcMethodHandler[Any, Any]":
        async def answer(requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
            async for found in serve(make(), aiter(requests), certificates):
                yield found

        return grpc.stream_stream_rpc_method_handler(answer, request.FromString, response.SerializeToString)

    methods = {
        "StreamSecrets": stream(StateOfTheWorld, DiscoveryRequest, DiscoveryResponse),
        "DeltaSecrets": stream(Delta, DeltaDiscoveryRequest, DeltaDiscoveryResponse),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)
