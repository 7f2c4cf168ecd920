"""Glued bytes are what protobuf itself would read and write."""

from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import given
from hypothesis import strategies as st

from ostria.discovery.protocol.wire import delta_answer, delta_end, delta_entries, sotw_end, sotw_entries
from ostria.translate.prepared import Prepared

TEXT = st.text(st.characters(codec="utf-8"), max_size=300)
RESOURCES = st.lists(st.builds(Prepared, TEXT, st.binary(max_size=40_000), TEXT, st.just(())), max_size=5)


@given(resources=RESOURCES, removed=st.lists(TEXT.filter(bool), max_size=3), kind=TEXT, version=TEXT, nonce=TEXT)
def test_a_delta_response_reads_as_protobuf_would_write_it(
    resources: list[Prepared], removed: list[str], kind: str, version: str, nonce: str
) -> None:
    wanted = discovery_pb2.DeltaDiscoveryResponse(system_version_info=version, type_url=kind, nonce=nonce, removed_resources=removed)
    for each in resources:
        entry = wanted.resources.add(name=each.name, version=each.version)
        entry.resource.type_url, entry.resource.value = kind, each.body
    data = delta_entries(resources, kind) + delta_end(removed, version, kind, nonce)
    assert discovery_pb2.DeltaDiscoveryResponse.FromString(data) == wanted
    assert len(data) == wanted.ByteSize()


@given(resources=RESOURCES, answered=st.lists(st.tuples(TEXT, TEXT, st.lists(TEXT.filter(bool), max_size=3)), max_size=3), kind=TEXT)
def test_answers_to_names_that_were_asked_for_too(resources: list[Prepared], answered: list[tuple[str, str, list[str]]], kind: str) -> None:
    aliases = {each.name: (f"{each.name}-1", each.name or "x") for each in resources[:2]}
    wanted = discovery_pb2.DeltaDiscoveryResponse()
    for each in resources:
        entry = wanted.resources.add(name=each.name, version=each.version, aliases=aliases.get(each.name, ()))
        entry.resource.type_url, entry.resource.value = kind, each.body
    for name, version, names in answered:
        wanted.resources.add(name=name, version=version, aliases=names)
    data = delta_entries(resources, kind, aliases) + b"".join(delta_answer(*each) for each in answered)
    assert discovery_pb2.DeltaDiscoveryResponse.FromString(data) == wanted
    assert len(data) == wanted.ByteSize()


@given(resources=RESOURCES, kind=TEXT, version=TEXT, nonce=TEXT)
def test_a_state_of_the_world_response_too(resources: list[Prepared], kind: str, version: str, nonce: str) -> None:
    wanted = discovery_pb2.DiscoveryResponse(version_info=version, type_url=kind, nonce=nonce)
    for each in resources:
        wanted.resources.add(type_url=kind, value=each.body)
    data = sotw_entries(resources, kind) + sotw_end(version, kind, nonce)
    assert discovery_pb2.DiscoveryResponse.FromString(data) == wanted
    assert len(data) == wanted.ByteSize()


def test_the_type_comes_right_before_the_nonce() -> None:
    entries = delta_entries([Prepared("n", b"body", "v", ())], "T")
    assert (entries + delta_end(["gone"], "1", "T", "x")).endswith(b"\x22\x01T\x2a\x01x")
