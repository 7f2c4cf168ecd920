"""Bytes from the wire to the requests of the protocol; what is malformed or too large is refused here."""

from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError

from ostria.discovery.protocol.requests import DeltaRequest, SotwRequest
from ostria.discovery.server.limits import Limits
from ostria.discovery.server.refusal import malformed, too_much

Node = base_pb2.Node


def delta(raw: bytes, limits: Limits) -> tuple[DeltaRequest, Node | None]:
    """The node comes with the first request of a stream, and is None elsewhere."""
    message = _parse(discovery_pb2.DeltaDiscoveryRequest, raw)
    _check(
        message,
        len(message.resource_names_subscribe) + len(message.resource_names_unsubscribe) + len(message.initial_resource_versions),
        limits,
    )
    request = DeltaRequest(
        type_url=message.type_url,
        subscribe=tuple(message.resource_names_subscribe),
        unsubscribe=tuple(message.resource_names_unsubscribe),
        initial_versions=dict(message.initial_resource_versions),
        nonce=message.response_nonce,
        error=_words(message, limits),
    )
    return request, message.node if message.HasField("node") else None


def sotw(raw: bytes, limits: Limits) -> tuple[SotwRequest, Node | None]:
    message = _parse(discovery_pb2.DiscoveryRequest, raw)
    _check(message, len(message.resource_names), limits)
    request = SotwRequest(
        type_url=message.type_url,
        names=tuple(message.resource_names),
        version=message.version_info,
        nonce=message.response_nonce,
        error=_words(message, limits),
    )
    return request, message.node if message.HasField("node") else None


def _parse(kind: Any, raw: bytes) -> Any:
    try:
        return kind.FromString(raw)
    except DecodeError as problem:
        raise malformed(f"not a {kind.DESCRIPTOR.name}") from problem


def _words(message: Any, limits: Limits) -> str | None:
    """Why the proxy refuses; searched for names, so that what is longer than any honest answer is cut off."""
    return message.error_detail.message[: limits.error_length] if message.HasField("error_detail") else None


def _check(message: Any, names: int, limits: Limits) -> None:
    if names > 2 * limits.names:
        raise too_much(f"a request may name at most {limits.names} resources")
    if message.HasField("node") and message.node.ByteSize() > limits.node_bytes:
        raise too_much(f"a node may take at most {limits.node_bytes} bytes")
    if not message.type_url:
        raise malformed("type_url is empty")
