"""The secret service as Envoy talks to it: first request, acknowledgement, rotation, names that are not there."""

from datetime import UTC, datetime

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest

from ostria.agent.keys import Identity
from ostria.agent.sds import Delta, StateOfTheWorld

IDENTITY = Identity(key=b"key", chain=b"chain", root=b"root", expires=datetime(2030, 1, 1, tzinfo=UTC))


def test_a_request_is_answered_once_and_again_at_rotation() -> None:
    stream = StateOfTheWorld()
    stream.request(DiscoveryRequest(resource_names=["default"]))
    answer = stream.response(IDENTITY, 1)
    assert answer is not None
    secret = Secret()
    answer.resources[0].Unpack(secret)
    assert (secret.name, secret.tls_certificate.private_key.inline_bytes) == ("default", b"key")
    stream.request(DiscoveryRequest(resource_names=["default"], version_info="1", response_nonce=answer.nonce))
    assert stream.response(IDENTITY, 1) is None
    assert stream.response(IDENTITY, 2) is not None


def test_a_stale_acknowledgement_changes_nothing() -> None:
    stream = StateOfTheWorld()
    stream.request(DiscoveryRequest(resource_names=["ROOTCA"]))
    stream.response(IDENTITY, 1)
    stream.request(DiscoveryRequest(resource_names=["default"], response_nonce="0"))
    assert stream.names == ("ROOTCA",)


def test_before_a_name_is_asked_for_nothing_is_said() -> None:
    assert StateOfTheWorld().response(IDENTITY, 1) is None
    assert Delta().response(IDENTITY, 1) is None


def test_delta_sends_what_is_new_and_removes_what_is_not_there() -> None:
    stream = Delta()
    stream.request(DeltaDiscoveryRequest(resource_names_subscribe=["ROOTCA", "kubernetes://other"]))
    answer = stream.response(IDENTITY, 1)
    assert answer is not None
    assert [resource.name for resource in answer.resources] == ["ROOTCA"]
    assert list(answer.removed_resources) == ["kubernetes://other"]
    stream.request(DeltaDiscoveryRequest(resource_names_subscribe=["default"]))
    second = stream.response(IDENTITY, 1)
    assert second is not None
    assert [resource.name for resource in second.resources] == ["default"]
    stream.request(DeltaDiscoveryRequest(resource_names_unsubscribe=["default", "ROOTCA", "kubernetes://other"]))
    assert stream.response(IDENTITY, 2) is None
